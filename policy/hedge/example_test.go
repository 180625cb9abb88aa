package hedge_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/godwit-go/godwit/policy/hedge"
)

// One answer in a hundred hangs: the second send is answered at once.
func ExampleNew() {
	var n atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 3 {
			<-r.Context().Done() // until the client gives this one up
			return
		}
		fmt.Fprint(w, "hello")
	}))
	defer server.Close()

	middleware, err := hedge.New(hedge.Config{After: "10ms", Budget: 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: middleware(http.DefaultTransport)}
	for range 3 {
		resp, err := client.Get(server.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(string(body), err)
	}
	// Output:
	// hello <nil>
	// hello <nil>
	// hello <nil>
}
