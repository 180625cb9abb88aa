package filestore

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/godwit-go/godwit/policy/limit"
)

// state is what one file holds, of all origins that fall into it.
type state struct {
	// Seen is the latest time that the store has shown, and Ahead how far it is
	// ahead of the machine's clock, which was set back by so much. Nanoseconds.
	Seen  int64 `json:"seen"`
	Ahead int64 `json:"ahead,omitempty"`

	Breakers map[string]kept        `json:"breakers,omitempty"` // by origin
	Limits   map[string]*limit.Book `json:"limits,omitempty"`   // by origin

	replies map[string]reply // the last one to each process, by origin and process
}

// kept is a record until it is forgotten.
type kept struct {
	Record []byte `json:"record"`
	Until  int64  `json:"until"` // nanoseconds of the store's clock
}

func newState() *state {
	return &state{Breakers: make(map[string]kept), Limits: make(map[string]*limit.Book), replies: make(map[string]reply)}
}

// clock moves the store's clock on and returns it. It is never before what any
// process has seen.
func (s *state) clock(wall time.Time) time.Time {
	now := wall.UnixNano() + s.Ahead
	if now < s.Seen {
		s.Ahead += s.Seen - now
		now = s.Seen
	}
	s.Seen = now
	return time.Unix(0, now)
}

// forget drops what is too old.
func (s *state) forget(now time.Time) {
	for origin, k := range s.Breakers {
		if k.Until <= now.UnixNano() {
			delete(s.Breakers, origin)
		}
	}
	s.forgetLimits(now)
}

// magic begins every file; the checksum of what follows it, in hexadecimal, and
// a line break come after it. Then the state as JSON in one line, and the replies
// in one each.
const magic = "godwit state "

var errDamaged = errors.New("it is damaged, or of another form")

func (s *state) encode() ([]byte, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	body = s.rows(body)
	return append(fmt.Appendf(nil, "%s%08x\n", magic, checksum(body)), body...), nil
}

func (s *state) decode(raw []byte) error {
	head, body, ok := bytes.Cut(raw, []byte{'\n'})
	if !ok || string(head) != fmt.Sprintf("%s%08x", magic, checksum(body)) {
		return errDamaged
	}
	first, rows, replied := bytes.Cut(body, []byte{'\n'})
	if err := json.Unmarshal(first, s); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	if s.Breakers == nil {
		s.Breakers = make(map[string]kept)
	}
	if s.Limits == nil {
		s.Limits = make(map[string]*limit.Book)
	}
	for origin, book := range s.Limits {
		if book == nil {
			return fmt.Errorf("%w: the limits of %.80q", errDamaged, origin)
		}
	}
	if replied {
		return s.readRows(rows)
	}
	return nil
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
