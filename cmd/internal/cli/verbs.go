package cli

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/godwit-go/godwit/cmd/internal/cli/item"
	"github.com/godwit-go/godwit/cmd/internal/cli/target"
)

// newGet, newPost … send one request each.
func (p *program) newGet() *cobra.Command {
	return p.newVerb(http.MethodGet, "Send GET and print the answer",
		"godwit get https://api.example.com/users/7 -q .name\ngodwit get gh:/repos/{owner}/{repo} -P owner=golang -P repo=go")
}

func (p *program) newPost() *cobra.Command {
	return p.newVerb(http.MethodPost, "Send POST with a body from items or stdin",
		"godwit post crm:/contacts name=ada age:=36 tags[]=new\ngodwit post crm:/contacts @contact.json source=import")
}

func (p *program) newPut() *cobra.Command {
	return p.newVerb(http.MethodPut, "Send PUT with a body from items or stdin", "godwit put crm:/contacts/7 name=ada")
}

func (p *program) newPatch() *cobra.Command {
	return p.newVerb(http.MethodPatch, "Send PATCH with a body from items or stdin", "godwit patch crm:/contacts/7 age:=37")
}

func (p *program) newDelete() *cobra.Command {
	return p.newVerb(http.MethodDelete, "Send DELETE", "godwit delete crm:/contacts/7")
}

func (p *program) newHead() *cobra.Command {
	return p.newVerb(http.MethodHead, "Send HEAD; -p h prints the header", "godwit head https://example.com/f.iso -p h")
}

func (p *program) newOptions() *cobra.Command {
	return p.newVerb(http.MethodOptions, "Send OPTIONS", "godwit options https://api.example.com/users -p h")
}

func (p *program) newVerb(method, short, example string) *cobra.Command {
	o := new(options)
	cmd := &cobra.Command{
		Use: strings.ToLower(method) + " TARGET [ITEM…]", Short: short, Example: example, Args: needTarget,
		ValidArgsFunction: p.completeTarget,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.prepare(cmd, o); err != nil {
				return err
			}
			r, err := readRequest(method, args)
			if err != nil {
				return err
			}
			return p.perform(cmd, o, r)
		},
	}
	o.bind(cmd.Flags(), everyGroup)
	return cmd
}

func needTarget(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usagef("%s: a target is missing", cmd.Name()).hint("godwit %s", cmd.Use)
	}
	return nil
}

// readRequest reads target and items.
func readRequest(method string, args []string) (request, error) {
	t, err := target.Parse(args[0])
	if err != nil {
		return request{}, err
	}
	items, err := item.Parse(args[1:])
	if err != nil {
		return request{}, err
	}
	return request{method: method, api: t.API, target: t, items: items}, nil
}
