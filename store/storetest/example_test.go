package storetest_test

import (
	"testing"

	"github.com/godwit-go/godwit/policy/breaker"
	"github.com/godwit-go/godwit/policy/limit"
	"github.com/godwit-go/godwit/store/filestore"
	"github.com/godwit-go/godwit/store/storetest"
)

// open opens the driver under test: two of one folder have their state in common.
func open(t *testing.T, dir string) *filestore.Store {
	s, err := filestore.Open(filestore.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// In the tests of a driver of your own.
func ExampleLimit() {
	_ = func(t *testing.T) {
		folders := storetest.PerTest(func(t *testing.T) string { return t.TempDir() })
		storetest.Limit(t, func(t *testing.T) limit.Store { return open(t, folders(t)) })
	}
}

func ExampleBreaker() {
	_ = func(t *testing.T) {
		folders := storetest.PerTest(func(t *testing.T) string { return t.TempDir() })
		storetest.Breaker(t, func(t *testing.T) breaker.Store { return open(t, folders(t)) })
	}
}

// Whatever opens something twice in one test gets the same, another test its own.
func ExamplePerTest() {
	_ = func(t *testing.T) {
		folders := storetest.PerTest(func(t *testing.T) string { return t.TempDir() })
		first, second := folders(t), folders(t)
		if first != second {
			t.Error("two folders in one test")
		}
	}
}
