package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// newTrust reviews and accepts the project file.
func (p *program) newTrust() *cobra.Command {
	o := new(options)
	var yes bool
	cmd := &cobra.Command{
		Use: "trust [FILE]", Short: "Review and accept the project file",
		Example: "godwit trust\ngodwit trust --yes",
		Args:    atMostOne,
		RunE: p.onFile(o, func(cmd *cobra.Command, path string) error {
			return p.trust(cmd.Context(), o, path, yes)
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "accept without being asked")
	o.bind(cmd.Flags(), definitionGroup)
	return cmd
}

func (p *program) trust(ctx context.Context, o *options, path string, yes bool) error {
	f, err := p.loadProject(o, path)
	if err != nil {
		return err
	}
	defer f.def.Close() // no client was made
	if !yes && p.canAsk(o) {
		return p.review(ctx, f)
	}
	p.describe(p.stdout(), f)
	if !yes {
		return failuref(exitDefinition, "%s is not trusted: nobody can be asked", path).hint("accept it with godwit trust --yes")
	}
	return f.trust()
}
