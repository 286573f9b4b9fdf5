// Renders one of Istio's own charts, which are part of its module, as Helm does and as the Service
// Mesh operator has them rendered: values (YAML) on standard input, manifests on standard output.
//
// Usage: istio-charts CHART NAMESPACE < values.yaml
package main

import (
	"fmt"
	"io"
	"os"

	"istio.io/istio/operator/pkg/helm"
	"istio.io/istio/operator/pkg/values"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := render(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: %s CHART NAMESPACE < values.yaml", os.Args[0])
	}
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	given := map[string]any{}
	if err := yaml.Unmarshal(input, &given); err != nil {
		return err
	}
	chart := values.Map{"spec": map[string]any{"values": given}}
	manifests, _, err := helm.Render("istiod", os.Args[2], os.Args[1], chart, nil)
	if err != nil {
		return err
	}
	for _, manifest := range manifests {
		fmt.Printf("---\n%s\n", manifest.Content)
	}
	return nil
}
