package engine
import "testing"
var head = []byte("HTTP/1.1 200 OK\r\nServer: sluice-stub\r\nDate: Thu, 26 Nov 2026 03:00:00 GMT\r\nContent-Type: application/octet-stream\r\nContent-Length: 150\r\nInference-Header-Content-Length: 134\r\nServer-Timing: queue;dur=0.012, batch;dur=0.000, infer;dur=0.101, write;dur=0.004\r\nSluice-Batch: 1\r\nSluice-Device: stub\r\nX-Request-Id: 0123456789abcdef\r\n\r\n"+string(make([]byte,150)))
func BenchmarkRead(b *testing.B){ for b.Loop() { var a answer; a.read(head,false); if !a.whole {b.Fatal()} } }
