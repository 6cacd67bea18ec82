package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"sluice/internal/remedy"
)

// Admin is the admin port of a gateway.
type Admin struct {
	listen    string
	addresses []string
	token     string
}

// AdminAt is the admin port at an address; token may be empty. An error is about the address.
func AdminAt(listen, token string) (*Admin, error) {
	addresses, err := Addresses(listen)
	if err != nil {
		return nil, err
	}
	return &Admin{listen, addresses, token}, nil
}

// changeLimit is how long a change may take: a version that is not loaded is proven first.
const changeLimit = 15 * time.Minute

// errHolder says that another gateway makes changes.
type errHolder struct {
	error
	address string
}

// Get asks for a document.
func (a *Admin) Get(ctx context.Context, path string, answer any) error {
	return a.do(ctx, http.MethodGet, path, nil, "", answer)
}

// Ask asks for a document that the body is about, and changes nothing.
func (a *Admin) Ask(ctx context.Context, path string, body, answer any) error {
	return a.do(ctx, http.MethodPost, path, body, "", answer)
}

// Change asks for a change, where need be of the gateway that the first one names. The key makes a
// change that is asked for again known for what it is. The answer may be nil: nobody reads it then.
func (a *Admin) Change(ctx context.Context, path string, body any, key string, answer any) error {
	err := a.do(ctx, http.MethodPost, path, body, key, answer)
	if held := (errHolder{}); errors.As(err, &held) && held.address != a.listen {
		other, fault := AdminAt(held.address, a.token)
		if fault != nil {
			return err
		}
		return other.do(ctx, http.MethodPost, path, body, key, answer)
	}
	return err
}

func (a *Admin) do(ctx context.Context, method, path string, body any, key string, answer any) error {
	limited, cancel := context.WithTimeout(ctx, changeLimit)
	defer cancel()
	text := []byte{}
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(limited, method, "http://"+a.addresses[0]+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", a.listen, err)
	}
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := client(a.addresses).Do(request)
	if err != nil {
		return fmt.Errorf("cannot reach an admin port at %s: %s; start a gateway with sluice serve, or name its address with --admin", a.listen, remedy.Connection(err))
	}
	defer response.Body.Close()
	got, err := io.ReadAll(io.LimitReader(response.Body, maxDescribed))
	if err != nil {
		return fmt.Errorf("the admin port at %s broke its answer off: %w", a.listen, err)
	}
	if response.StatusCode == http.StatusOK {
		if answer == nil {
			return nil
		}
		decoder := json.NewDecoder(bytes.NewReader(got))
		decoder.UseNumber() // ids are whole numbers, all of whose digits count
		if err := decoder.Decode(answer); err != nil {
			return fmt.Errorf("http://%s%s is no answer of a gateway: %w", a.listen, path, err)
		}
		return nil
	}
	var refused struct{ Error string }
	if json.Unmarshal(got, &refused) != nil || refused.Error == "" {
		return fmt.Errorf("the admin port at %s answers with status %d: is it a gateway?", a.listen, response.StatusCode)
	}
	err = errors.New(refused.Error)
	if response.StatusCode == http.StatusUnauthorized {
		err = fmt.Errorf("%w; name a file with yours with --admin-token-file", err)
		if a.token != "" {
			err = errors.New("the admin port does not know the token of --admin-token-file; admin_tokens_file or admin_token_file of the gateway has those that it knows")
		}
	}
	if holder := response.Header.Get("Sluice-Holder"); response.StatusCode == http.StatusConflict && holder != "" {
		return errHolder{err, holder}
	}
	return err
}
