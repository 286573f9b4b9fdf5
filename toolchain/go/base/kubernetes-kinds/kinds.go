// In place of the vendor's file of that name (-overlay), which knows the Go type of each kind and so
// has all of them compiled. What is registered is the same: a resource of the token that its
// apiVersion and kind make.
package v2

import (
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// IsListKind says whether an object is a list of others.
func IsListKind(_, kind string) bool {
	return strings.HasSuffix(kind, "List")
}

// RegisterResource registers an object of any kind.
func RegisterResource(ctx *pulumi.Context, apiVersion, kind, name string, props pulumi.Input,
	opts ...pulumi.ResourceOption,
) (pulumi.CustomResource, error) {
	place := apiVersion
	if !strings.Contains(apiVersion, "/") {
		place = "core/" + apiVersion
	}
	resource := &pulumi.CustomResourceState{}
	token := fmt.Sprintf("kubernetes:%s:%s", place, kind)
	if err := ctx.RegisterResource(token, name, props, resource, opts...); err != nil {
		return nil, err
	}
	return resource, nil
}
