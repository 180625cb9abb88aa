package signal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Microsoft Graph: the drafts' fields on some services, the cost of a call, and
// how much of a limit is in use once that is much. Refused calls count.
// https://learn.microsoft.com/en-us/graph/throttling
var graphDialect = dialect{
	name:   MicrosoftGraph,
	fields: []string{"X-Ms-Resource-Unit", "X-Ms-Throttle-Limit-Percentage"},
	read:   readGraph,
}

const graphThrottle = "throttle"

func readGraph(r *reading) {
	if cost := amount(r.take("X-Ms-Resource-Unit")); cost.OK {
		r.quota(texts{unit: "resource-units", cost: cost, source: "x-ms-resource-unit"})
	}
	scope := r.take("X-Ms-Throttle-Scope")
	// 0.8 to 1.8 of a limit that is not told: the limit is 1.
	if share := amount(r.take("X-Ms-Throttle-Limit-Percentage")); share.OK {
		r.quota(texts{
			id: graphThrottle, unit: "share", scope: scope, source: "x-ms-throttle-limit-percentage",
			limitV: Of(1.0), remainingV: Of(max(0, 1-share.V)),
		})
	}
	asked := has(r.Header, "Retry-After") || has(r.Header, "X-Ms-Throttle-Information")
	const bandwidthExceeded = 509
	if r.Status == http.StatusTooManyRequests || r.Status == bandwidthExceeded || r.Status == http.StatusServiceUnavailable && asked {
		r.scope = scope
		r.refuse("status "+strconv.Itoa(r.Status), r.take("X-Ms-Throttle-Information"))
	}
}

// Azure Resource Manager: what is left of many buckets, never their size.
// https://learn.microsoft.com/en-us/azure/azure-resource-manager/management/request-limits-and-throttling
var azureDialect = dialect{
	name: Azure,
	fields: []string{
		azureRemaining + "Subscription-Reads", azureRemaining + "Subscription-Writes", azureRemaining + "Subscription-Deletes",
		azureRemaining + "Subscription-Global-Reads", azureRemaining + "Subscription-Global-Writes", azureRemaining + "Subscription-Global-Deletes",
		azureRemaining + "Tenant-Reads", azureRemaining + "Tenant-Writes", azureRemaining + "Resource",
	},
	read: readAzure,
}

const azureRemaining = "X-Ms-Ratelimit-Remaining-"

// azureLocked is a 429 that says that another operation holds the resource.
const azureLocked = "RetryableErrorDueToAnotherOperation"

func readAzure(r *reading) {
	for _, name := range r.left(azureRemaining) {
		id := strings.ToLower(strings.TrimPrefix(name, azureRemaining))
		if id == "resource" {
			r.azureResources(r.lines(name))
			continue
		}
		scope, _, _ := strings.Cut(id, "-")
		r.quota(texts{id: id, unit: "requests", scope: scope, remaining: r.take(name), source: strings.ToLower(name)})
	}
	codes := append(r.json().all("error", "code"), r.json().all("error", "details", "*", "code")...)
	if r.Status >= 400 && slices.Contains(codes, azureLocked) {
		r.acquit("body error.code=" + azureLocked)
	}
}

// azureResources reads "Microsoft.Compute/GetVMScaleSet3Min;197,…": the name
// ends in the window.
func (r *reading) azureResources(lines []string) {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			name, left, found := strings.Cut(item, ";")
			if name = strings.TrimSpace(name); !found || name == "" {
				continue
			}
			r.quota(texts{
				id: name, unit: "requests", scope: "resource", remaining: strings.TrimSpace(left),
				window: azureWindow(name), source: "x-ms-ratelimit-remaining-resource",
			})
		}
	}
}

func azureWindow(name string) time.Duration {
	head, found := strings.CutSuffix(name, "Min")
	n := strings.TrimLeft(head[max(0, len(head)-3):], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz./")
	if minutes, ok := number(n); found && ok {
		return span(minutes, time.Minute)
	}
	return 0
}
