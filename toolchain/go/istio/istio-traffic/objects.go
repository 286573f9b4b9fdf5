package main

import (
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/kube"
)

// objects are a world's, sorted by who holds them: istiod's configuration, or the API server.
type objects struct {
	configs    []config.Config
	kubernetes []runtime.Object
	refused    []Refusal
	gatewayAPI bool
}

func parsed(raw []json.RawMessage) (objects, error) {
	var found objects
	for index, each := range raw {
		var header metav1.PartialObjectMetadata
		if err := json.Unmarshal(each, &header); err != nil {
			return found, fmt.Errorf("objects[%d]: %w", index, err)
		}
		name := Name{header.Kind, header.Namespace, header.Name}
		configs, others, err := crd.ParseInputs(string(each))
		switch {
		case err != nil:
			found.refused = append(found.refused, Refusal{name, err.Error()})
		case len(others) > 0 || isGatewayAPI(header):
			object, _, err := kube.IstioCodec.UniversalDeserializer().Decode(each, nil, nil)
			if err != nil {
				return found, fmt.Errorf("objects[%d]: %w", index, err)
			}
			found.kubernetes = append(found.kubernetes, object)
			found.gatewayAPI = found.gatewayAPI || isGatewayAPI(header)
		default:
			for _, each := range configs {
				each.Domain = domain
				found.configs = append(found.configs, each)
			}
		}
	}
	return found, nil
}

// What Istio reads of the Gateway API it reads as objects of Kubernetes.
func isGatewayAPI(header metav1.PartialObjectMetadata) bool {
	return header.GroupVersionKind().Group == "gateway.networking.k8s.io"
}
