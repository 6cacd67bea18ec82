package serve_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"sluice/config"
	"sluice/serve"
)

const request = `{"inputs":[{"name":"features","datatype":"FP32","shape":[1,12],"data":[1.14,1,12.66,28,15,19,5,0,6.95,1.81,6,1]}]}`

// A Go program embeds the gateway: its main calls serve.Child first, and then this.
func Example() {
	cfg, err := serve.Settings("", "", func(c *config.Config) error {
		c.Models, c.Listen, c.Admin = "../examples/models", "127.0.0.1:0", ""
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s, err := serve.New(ctx, serve.Options{Config: cfg})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = s.Run(ctx, func() { // the models are loaded
		defer stop() // which ends Run
		res, err := http.Post("http://"+s.Addr().String()+"/v2/models/eta/infer", "application/json", strings.NewReader(request))
		if err == nil {
			fmt.Println(res.Status, "on", res.Header.Get("Sluice-Device"))
			err = res.Body.Close()
		}
		if err != nil {
			fmt.Println(err)
		}
	})
	fmt.Println("stopped:", err)
	// Output:
	// 200 OK on cpu
	// stopped: <nil>
}
