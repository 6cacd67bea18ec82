// Package wire has what the predict port and the admin port read and say in the same way: the name of a model in
// a path, the id of a request, and a fault with its status and with the time after which to ask again. It owns no
// connection and has no state; gateway/http and gateway/http/admin call it.
package wire

// Allow is what the Allow header lists for a route's method: HEAD is wherever GET is.
func Allow(method string) string {
	if method == "GET" {
		return "GET, HEAD"
	}
	return method
}
