package main

import (
	"encoding/json"
	"slices"
	"testing"

	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pilot/pkg/simulation"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/kclient"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/kube/namespace"
	"istio.io/istio/pkg/spiffe"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/util/sets"
)

const domain = "cluster.local"

func (all *registries) simulate(asked World) (found Answer, err error) {
	given, err := parsed(asked.Objects)
	if err != nil {
		return found, err
	}
	found.Refused = given.refused
	meshConfig, err := mesh.ApplyMeshConfigDefaults(string(asked.Mesh))
	if err != nil {
		return found, err
	}
	features.ScopeGatewayToNamespace = asked.ScopeGatewayToNamespace
	// It keeps all that was ever made with it.
	krt.GlobalDebugHandler = new(krt.DebugHandler)
	read, unread, err := all.discovered(given, meshConfig, asked)
	if err != nil {
		return found, err
	}
	found.Unread = unread
	answered := func(t test.Failer, running *core.ConfigGenTest) {
		for _, each := range asked.Proxies {
			found.Proxies = append(found.Proxies, state(t, running, each))
		}
	}
	if given.gatewayAPI {
		return found, test.Wrap(func(t test.Failer) {
			defer failed(t)
			answered(t, discovery(t, given, read, meshConfig, asked))
		})
	}
	made, err := key(given, asked)
	if err != nil {
		return found, err
	}
	return found, all.do(made, func(t test.Failer) *core.ConfigGenTest {
		return services(t, given, read, meshConfig, asked)
	}, func(t test.Failer, running *core.ConfigGenTest) {
		configure(t, running, read)
		answered(t, running)
	})
}

// discovered takes what the control plane reads: by revision, and by the namespaces it discovers.
func (all *registries) discovered(
	given objects, meshConfig *meshconfig.MeshConfig, asked World,
) (read []config.Config, unread []Name, err error) {
	selected, err := all.namespaces(given, meshConfig)
	if err != nil {
		return nil, nil, err
	}
	tags := sets.New(asked.Tags...)
	for _, each := range given.configs {
		ours := config.LabelsInRevisionOrTags(each.Labels, asked.Revision, tags)
		if ours && (selected == nil || selected.Contains(each.Namespace)) {
			read = append(read, each)
		} else {
			unread = append(unread, Name{each.GroupVersionKind.Kind, each.Namespace, each.Name})
		}
	}
	return read, unread, nil
}

// namespaces asks istiod's filter which of them it discovers; nil: every one.
func (all *registries) namespaces(
	given objects, meshConfig *meshconfig.MeshConfig,
) (sets.String, error) {
	if len(meshConfig.DiscoverySelectors) == 0 {
		return nil, nil
	}
	var found []runtime.Object
	for _, each := range given.kubernetes {
		if namespace, ok := each.(*corev1.Namespace); ok {
			found = append(found, namespace)
		}
	}
	made, err := json.Marshal([]any{found, meshConfig.DiscoverySelectors})
	if err != nil {
		return nil, err
	}
	if known, ok := all.selected[string(made)]; ok {
		return known, nil
	}
	selected := sets.New[string]()
	err = test.Wrap(func(t test.Failer) {
		client := kube.NewFakeClient(found...)
		stop := test.NewStop(t)
		filter := namespace.NewDiscoveryNamespacesFilter(
			kclient.New[*corev1.Namespace](client), meshwatcher.NewTestWatcher(meshConfig), stop)
		client.RunAndWait(stop)
		for _, each := range found {
			name := each.(*corev1.Namespace).Name
			in := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "any", Namespace: name}}
			if filter.Filter(in) {
				selected.Insert(name)
			}
		}
	})
	if len(all.selected) == kept {
		clear(all.selected)
	}
	all.selected[string(made)] = selected
	return selected, err
}

func state(t test.Failer, running *core.ConfigGenTest, asked Proxy) ProxyState {
	proxy := running.SetupProxy(&model.Proxy{
		Type:            model.NodeType(asked.Type),
		ID:              asked.Name + "." + asked.Namespace,
		ConfigNamespace: asked.Namespace,
		Labels:          asked.Labels,
		IPAddresses:     []string{asked.IP},
		Metadata: &model.NodeMetadata{
			Namespace:      asked.Namespace,
			ServiceAccount: asked.ServiceAccount,
			Labels:         asked.Labels,
			ClusterID:      constants.DefaultClusterName,
		},
		VerifiedIdentity: &spiffe.Identity{
			TrustDomain:    domain,
			Namespace:      asked.Namespace,
			ServiceAccount: asked.ServiceAccount,
		},
	})
	// It only ever fails by it, which `simulate` reports.
	made := simulation.NewSimulationFromConfigGen(&testing.T{}, running, proxy)
	inLowerCase(made.Listeners)
	found := ProxyState{
		Servers:   servers(proxy.MergedGateway),
		Listeners: []Listener{},
		Clusters:  []Cluster{},
	}
	refused := map[string]string{}
	for _, each := range made.Listeners {
		described := listenerOf(t, each)
		refused[described.Name] = described.Refused
		found.Listeners = append(found.Listeners, described)
	}
	for _, each := range made.Clusters {
		found.Clusters = append(found.Clusters, clusterOf(t, each))
	}
	for _, each := range asked.Calls {
		result := outcome(t, made, each)
		if why := refused[result.Listener]; why != "" {
			result = Outcome{Error: "Envoy refuses the listener: " + why, Listener: result.Listener}
		}
		found.Calls = append(found.Calls, result)
	}
	return found
}

func outcome(t test.Failer, made *simulation.Simulation, asked Call) (found Outcome) {
	result := made.Run(simulation.Call{
		Address:    asked.Address,
		Port:       asked.Port,
		Path:       asked.Path,
		Protocol:   simulation.Protocol(asked.Protocol),
		TLS:        simulation.TLSMode(asked.TLS),
		Alpn:       asked.ALPN,
		HostHeader: asked.Host,
		Sni:        asked.SNI,
		CallMode:   simulation.CallMode(asked.Mode),
		CustomListenerValidations: []simulation.CustomFilterChainValidation{
			func(chain *listener.FilterChain) error {
				matched := chainOf(t, chain)
				found.Chain = &matched
				return nil
			},
		},
	})
	if result.Error != nil {
		found.Error = result.Error.Error()
	}
	found.Listener = result.ListenerMatched
	found.Route = result.RouteConfigMatched
	found.VirtualHost = result.VirtualHostMatched
	found.Cluster = result.ClusterMatched
	return found
}

func servers(merged *model.MergedGateway) (found []Server) {
	if merged == nil {
		return nil
	}
	for _, port := range merged.ServerPorts {
		for _, each := range merged.MergedServers[port].Servers {
			server := Server{
				Port:     port.Number,
				Bind:     port.Bind,
				Protocol: each.GetPort().GetProtocol(),
				Gateway:  merged.GatewayNameForServer[each],
				Declared: each.GetPort().GetNumber(),
				Hosts:    each.GetHosts(),
				Route:    merged.MergedServers[port].RouteName,
			}
			if each.GetTls() != nil {
				server.TLS = each.GetTls().GetMode().String()
				server.Credentials = slices.Clone(each.GetTls().GetCredentialNames())
				if name := each.GetTls().GetCredentialName(); name != "" {
					server.Credentials = append(server.Credentials, name)
				}
			}
			if tls := merged.TLSServerInfo[each]; tls != nil {
				server.Route = tls.RouteName
			}
			found = append(found, server)
		}
	}
	return found
}
