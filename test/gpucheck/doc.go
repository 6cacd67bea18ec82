// Package gpucheck tests the scripts that make and run the folder of `make gpu-check`. It
// owns nothing; what the steps themselves find is tested in bench.
package gpucheck
