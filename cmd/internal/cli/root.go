package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

// newRoot is the list of commands.
func (p *program) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "godwit",
		Short:         "Call other people's HTTP APIs dependably",
		Example:       "godwit https://api.example.com/users/7 -q .name",
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:              noArguments,
		ValidArgsFunction: p.completeTarget, // godwit TARGET
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(
		p.newGet(), p.newPost(), p.newPut(), p.newPatch(), p.newDelete(), p.newHead(), p.newOptions(), p.newRequest(),
		p.newCall(),
		p.newCheck(),
		p.newExplain(),
		p.newLimits(),
		p.newSchema(),
		p.newServe(),
		p.newTrust(),
		p.newVersion(),
		p.newCompletion(),
	)
	root.AddCommand(newHelpFlags())
	root.SetFlagErrorFunc(flagError)
	root.SetOut(p.stdout())
	root.SetErr(p.err)
	root.SetHelpFunc(p.help)
	return root
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
