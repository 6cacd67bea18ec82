package main

import (
	"flag"
	"fmt"
	"path/filepath"

	"sluice/internal/onnxgen"
)

// resnet writes the convolutional model as DIR/1/model.onnx. It is written where it is
// used: the file has 102 MB, the description a few bytes.
func resnet(args []string) error {
	flags := flag.NewFlagSet("resnet", flag.ExitOnError)
	dir := flags.String("dir", "", "folder of the model")
	tiny := flags.Bool("tiny", false, "a network of the same layers in a few kilobytes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("resnet needs -dir, the folder to write %s to", filepath.Join("1", "model.onnx"))
	}
	network := onnxgen.ResNet50(1)
	if *tiny {
		network = onnxgen.TinyResNet(1)
	}
	return network.Write(*dir, "1")
}
