package filestore_test

import (
	"context"
	"fmt"
	"os"

	"github.com/godwit-go/godwit/store/filestore"
)

// What "godwit limits" shows.
func ExampleStore_Lines() {
	dir, err := os.MkdirTemp("", "limits")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := filestore.Open(filestore.Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	lines, err := store.Lines(context.Background(), "https://api.example.com")
	fmt.Println(len(lines), err)
	// Output: 0 <nil>
}
