package payload

import "context"

// Models lists the models that a target has ready, sorted. The error is that of Discover.
func Models(ctx context.Context, url string) ([]string, error) {
	target, err := ParseTarget(url)
	if err != nil {
		return nil, err
	}
	d := newDiscovery(target)
	if err := d.ready(ctx); err != nil {
		return nil, err
	}
	return d.models(ctx)
}
