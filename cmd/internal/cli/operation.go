package cli

import (
	"github.com/spf13/cobra"

	"github.com/godwit-go/godwit/cmd/internal/cli/item"
	"github.com/godwit-go/godwit/cmd/internal/cli/target"
)

// newCall calls a named operation.
func (p *program) newCall() *cobra.Command {
	o := new(options)
	cmd := &cobra.Command{
		Use: "call API OPERATION [ITEM…]", Short: "Call an operation of a definition",
		Example:           "godwit call gh repos/get owner=golang repo=go -q .id",
		Args:              needOperation,
		ValidArgsFunction: p.completeOperation,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.prepare(cmd, o); err != nil {
				return err
			}
			r, err := readOperation(args)
			if err != nil {
				return err
			}
			return p.perform(cmd, o, r)
		},
	}
	o.bind(cmd.Flags(), everyGroup)
	return cmd
}

func needOperation(cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return usagef("call: an API and an operation are needed").hint("godwit call API OPERATION [ITEM…]")
	}
	return nil
}

func readOperation(args []string) (request, error) {
	if !target.APIName(args[0]) {
		return request{}, usagef("call: %s is no name of an API", quoted(args[0])).hint("godwit call API OPERATION [ITEM…]")
	}
	items, err := item.Parse(args[2:])
	return request{api: args[0], operation: args[1], items: items}, err
}
