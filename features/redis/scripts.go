package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"sluice/features/native"
	"sluice/features/store"
)

// Of two rows with equal times, which one stays.
const (
	storedWins = "0"
	sourceWins = "1"
)

// newerScript writes a row, unless the one that is there is newer. It compares the times byte by byte: Lua's own order of texts
// is that of the server's locale. One run for several rows would save a quarter of the server's time and let readers wait.
var newerScript = rueidis.NewLuaScript(fmt.Sprintf(`
local function older(old, new)
  if #old < %d then return true end
  for i = 1, #old do
    local a, b = string.byte(old, i), string.byte(new, %d + i)
    if a ~= b then return a < b end
  end
  return ARGV[2] == '%s'
end
if not older(redis.call('GETRANGE', KEYS[1], %d, %d), ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
`, native.TimeEnd-native.TimeAt, native.TimeAt, sourceWins, native.TimeAt, native.TimeEnd-1))

// swapScript replaces a text if it is still the one that was read; "" stands for none.
var swapScript = rueidis.NewLuaScript(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`)

// countScript counts rows if as many are counted as were before them.
var countScript = rueidis.NewLuaScript(`
if redis.call('HGET', KEYS[1], 'rows') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'rows', ARGV[2])
return 1
`)

// pipeline is the most commands that a writer sends at a time.
const pipeline = 256

// put writes rows to a generation.
func (w *Writer) put(ctx context.Context, c rueidis.Client, generation uint64, rows []store.Record, equal string) error {
	prefix := string(native.AppendRowPrefix(nil, w.view, generation))
	for chunk := range slices.Chunk(rows, pipeline) {
		each := make([]rueidis.LuaExec, len(chunk))
		for i, row := range chunk {
			if _, _, ok := native.Header(row.Value); !ok {
				return fmt.Errorf("the row of key %x is not one of the native layout", row.Key)
			}
			each[i] = rueidis.LuaExec{Keys: []string{prefix + string(row.Key)}, Args: []string{rueidis.BinaryString(row.Value), equal}}
		}
		for _, reply := range newerScript.ExecMulti(ctx, c, each...) {
			if err := reply.Error(); err != nil {
				return err
			}
		}
	}
	return nil
}

// standingPart stands between the view and the generation in the name of a standing.
const standingPart = ":load:"

// sweep removes what generations that nobody reads or writes have left. They are in no pointer, and their keys are in no index, so all
// keys are looked through, once for a load. A record of generations would not spare that: nearly each load finds one
// to remove, whose keys it needs. An index of those would take about as much memory as the keys themselves.
func (w *Writer) sweep(ctx context.Context, c rueidis.Client, p native.Pointer) error {
	newest := max(p.Visible, p.Loading) // another writer may have begun a later one by now
	return w.scan(ctx, c, func(keys []string) error {
		var dead []rueidis.Completed
		for _, key := range keys {
			if generation, ok := w.generationOf(key); ok && generation < newest && p.Dead(generation, w.now().Unix()) {
				dead = append(dead, c.B().Unlink().Key(key).Build())
			}
		}
		for _, reply := range c.DoMulti(ctx, dead...) {
			if err := reply.Error(); err != nil {
				return fmt.Errorf("cannot remove old generations of view %q: %w", w.view, err)
			}
		}
		return nil
	})
}

// newest is the latest generation of which there is something.
func (w *Writer) newest(ctx context.Context, c rueidis.Client) (newest uint64, err error) {
	err = w.scan(ctx, c, func(keys []string) error {
		for _, key := range keys {
			if generation, ok := w.generationOf(key); ok {
				newest = max(newest, generation)
			}
		}
		return nil
	})
	return newest, err
}

// scan goes through the keys of the view, some at a time.
func (w *Writer) scan(ctx context.Context, c rueidis.Client, some func(keys []string) error) error {
	for _, node := range c.Nodes() {
		for cursor := uint64(0); ; {
			page, err := node.Do(ctx, node.B().Scan().Cursor(cursor).Match(w.view+":*").Count(1000).Build()).AsScanEntry()
			if err != nil {
				return fmt.Errorf("cannot look for generations of view %q: %w", w.view, err)
			}
			if err := some(page.Elements); err != nil {
				return err
			}
			if cursor = page.Cursor; cursor == 0 {
				break
			}
		}
	}
	return nil
}

// generationOf is the generation that a key of the view belongs to.
func (w *Writer) generationOf(key string) (generation uint64, ok bool) {
	rest := strings.TrimPrefix(key, w.view)
	if of, is := strings.CutPrefix(rest, standingPart); is {
		rest = of
	} else if rest, _, is = strings.Cut(strings.TrimPrefix(rest, ":"), ":"); !is {
		return 0, false
	}
	generation, err := strconv.ParseUint(rest, 10, 64)
	return generation, err == nil
}
