package postgres

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// What goes to the server and comes back is in its binary form.
var (
	binaryForm = []int16{pgtype.BinaryFormatCode}
	keysType   = []uint32{pgtype.ByteaArrayOID}
	namesType  = []uint32{pgtype.ByteaArrayOID, pgtype.TextArrayOID}
)

// exchange asks for the keys from one number to another and takes the answer.
func (r *reading) exchange(ctx context.Context, conn *pgconn.PgConn, a *asker, from, to int) error {
	a.array = appendBytes(a.array[:0], to-from, func(i int) []byte { return r.key(r.order[from+i]) })
	a.params[0], a.params[1] = a.array, r.query.names
	params, types := a.params[:1], keysType
	if r.query.names != nil {
		params, types = a.params[:], namesType
	}
	text, alone := r.query.text, r.store.o.RoleLimit
	if conn.CustomData()[cockroach] != nil && r.query.replica != "" {
		text, alone = r.query.replica, true
	}
	if alone {
		return r.take(conn.ExecParams(ctx, text, params, types, binaryForm, binaryForm), from, to)
	}
	p := conn.StartPipeline(ctx)
	p.SendQueryParams("begin read only", nil, nil, nil, nil)
	p.SendQueryParams(r.limitText(a), nil, nil, nil, nil)
	p.SendQueryParams(text, params, types, binaryForm, binaryForm)
	p.SendPipelineSync() // an error skips what comes before it, and never the commit
	p.SendQueryParams("commit", nil, nil, nil, nil)
	err := p.Sync()
	for err == nil {
		var results any
		if results, err = p.GetResults(); results == nil {
			break
		}
		if answer, ok := results.(*pgconn.ResultReader); ok {
			err = r.take(answer, from, to)
		}
	}
	if failed := p.Close(); err == nil {
		err = failed
	}
	r.leaveTransaction(conn)
	return err
}

// leaveTransaction ends a transaction whose commit was ended itself, by the limit of the statements or by a cancel request that came late. The
// pool would close the connection.
func (r *reading) leaveTransaction(conn *pgconn.PgConn) {
	const idle = 'I'
	if conn.IsClosed() || conn.TxStatus() == idle {
		return
	}
	ctx, cancel := context.WithTimeout(r.store.base, farBehind)
	defer cancel()
	_ = conn.Exec(ctx, "rollback").Close() // or the pool closes it
}

// take reads the rows of an answer to its end; statements without rows have none.
func (r *reading) take(answer *pgconn.ResultReader, from, to int) error {
	var refused error
	for first := true; answer.NextRow(); first = false {
		if first {
			refused = r.query.hasTime(answer.FieldDescriptions())
		}
		if refused == nil {
			refused = r.row(answer.Values(), from, to)
		}
	}
	if _, err := answer.Close(); err != nil {
		return err
	}
	return refused
}

// hasTime refuses an answer whose time is of another type. A server that does not say is believed.
func (q *query) hasTime(columns []pgconn.FieldDescription) error {
	if q.time == 0 || q.time >= len(columns) {
		return nil
	}
	switch c := &columns[q.time]; c.DataTypeOID {
	case 0, pgtype.TimestampOID, pgtype.TimestamptzOID:
		return nil
	default:
		return fmt.Errorf("column %s is of the type with OID %d: it must be timestamp or timestamptz", c.Name, c.DataTypeOID)
	}
}

// appendBytes appends the server's array of bytea: each element stands behind its length.
func appendBytes(dst []byte, n int, at func(i int) []byte) []byte {
	dst = appendArray(dst, pgtype.ByteaOID, n)
	for i := range n {
		element := at(i)
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(element))), element...)
	}
	return dst
}

// appendArray appends what stands in front of the elements of an array without nulls.
func appendArray(dst []byte, element uint32, n int) []byte {
	for _, v := range [...]uint32{1, 0, element, uint32(n), 1} { // dimensions, no nulls, type, length, first index
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return dst
}
