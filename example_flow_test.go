package godwit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godwit-go/godwit"
	"github.com/godwit-go/godwit/policy/limit"
)

// pacedClient calls the example API, which grants ten units a minute.
func pacedClient(url string) (*godwit.Client, error) {
	return godwit.New(godwit.Config{
		BaseURL: url,
		Limit:   limit.Config{Quotas: []limit.Quota{{Name: "units", Limit: "10/m", Burst: 10}}},
		Operations: map[string]godwit.Operation{
			"report": {Request: "POST /echo", Cost: map[string]float64{"units": 5}, Class: "batch"},
		},
	})
}

// May I go now? How long would I wait? Nothing is sent and no place is taken.
func ExampleClient_Peek() {
	server := exampleAPI()
	defer server.Close()
	client, err := pacedClient(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	wait, err := client.Peek("POST", "/echo")
	fmt.Println("at first:", wait, err)
	if _, err := client.Call(context.Background(), "report", godwit.Text("hello")); err != nil {
		fmt.Println(err)
		return
	}
	wait, err = client.Peek("POST", "/echo", godwit.Cost("units", 10))
	fmt.Println("ten units: more than half a minute:", wait > 30*time.Second, err)
	// Output:
	// at first: 0s <nil>
	// ten units: more than half a minute: true <nil>
}

func ExampleClient_PeekOperation() {
	server := exampleAPI()
	defer server.Close()
	client, err := pacedClient(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	wait, err := client.PeekOperation("report")
	fmt.Println(wait, err)
	// Output: 0s <nil>
}

// A call says what it takes, if the definition cannot know.
func ExampleCost() {
	server := exampleAPI()
	defer server.Close()
	client, err := pacedClient(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	_, err = client.Do(context.Background(), "POST", "/echo", godwit.Text("all of it"), godwit.Cost("units", 50))
	fmt.Println("more than there ever is:", errors.Is(err, godwit.ErrRateLimited))
	// Output: more than there ever is: true
}

// Somebody waits for the one, nobody for the other.
func ExampleClass() {
	server := exampleAPI()
	defer server.Close()
	client, err := pacedClient(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	for _, class := range []godwit.CallOption{godwit.Class(godwit.ClassInteractive), godwit.Class(godwit.ClassBatch)} {
		resp, err := client.Do(context.Background(), "POST", "/echo", godwit.Text("hello"), class)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(resp.Status, resp.Close())
	}
	// Output:
	// 200 <nil>
	// 200 <nil>
}
