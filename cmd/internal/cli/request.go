package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// newRequest sends any method.
func (p *program) newRequest() *cobra.Command {
	o := new(options)
	cmd := &cobra.Command{
		Use: "request METHOD TARGET [ITEM…]", Short: "Send any other method", Example: "godwit request PURGE cdn:/a.css",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("request: a method and a target are needed").hint("godwit %s", cmd.Use)
			}
			return nil
		},
		ValidArgsFunction: p.completeRequest,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.prepare(cmd, o); err != nil {
				return err
			}
			r, err := readRequest(args[0], args[1:])
			if err != nil {
				return err
			}
			if err := checkMethod(r.method); err != nil {
				return err
			}
			return p.perform(cmd, o, r)
		},
	}
	o.bind(cmd.Flags(), everyGroup)
	return cmd
}

// checkMethod refuses what is no token (RFC 9110 section 9.1). Methods are
// case-sensitive.
func checkMethod(method string) error {
	if method == "" || fieldError(method, "") != "" {
		return usagef("request: %s is no method", quoted(method))
	}
	if strings.EqualFold(method, "CONNECT") {
		return usagef("request: CONNECT makes a tunnel, not a call")
	}
	return nil
}
