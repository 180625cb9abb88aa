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
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.prepare(cmd, o); err != nil {
				return err
			}
			path, err := p.fileArgument(o, args)
			if err != nil {
				return err
			}
			return p.trust(cmd.Context(), o, path, yes)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "accept without being asked")
	o.bind(cmd.Flags(), definitionGroup)
	return cmd
}

func (p *program) trust(ctx context.Context, o *options, path string, yes bool) error {
	real, sum, err := fingerprint(path)
	if err != nil {
		return failuref(exitDefinition, "%s: %w", path, plain(err))
	}
	def, err := o.loadDefinition(path)
	if err != nil {
		return err
	}
	defer def.Close() // no client was made
	if !yes && p.canAsk(o) {
		return p.review(ctx, path, def)
	}
	p.describe(p.stdout(), path, def)
	if !yes {
		return failuref(exitDefinition, "%s is not trusted: nobody can be asked", path).hint("accept it with godwit trust --yes")
	}
	if _, after, err := fingerprint(path); err != nil || after != sum {
		return failuref(exitDefinition, "%s has changed while it was read", path).hint("try again")
	}
	return saveTrust(real, sum)
}
