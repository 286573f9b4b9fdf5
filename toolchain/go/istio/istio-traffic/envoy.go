package main

import (
	"fmt"
	"strings"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcm "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcp "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	tls "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"istio.io/istio/pkg/test"
)

func listenerOf(t test.Failer, given *listener.Listener) Listener {
	address := given.GetAddress().GetSocketAddress()
	found := Listener{
		Name:    given.GetName(),
		Address: address.GetAddress(),
		Port:    address.GetPortValue(),
		Chains:  []Chain{},
	}
	for _, each := range given.GetFilterChains() {
		found.Chains = append(found.Chains, chainOf(t, each))
	}
	found.Refused = overlap(given.GetFilterChains())
	return found
}

// Envoy compares names without their case, which Istio's simulation of it does not.
func inLowerCase(listeners []*listener.Listener) {
	for _, each := range listeners {
		for _, chain := range each.GetFilterChains() {
			names := chain.GetFilterChainMatch().GetServerNames()
			for index, name := range names {
				names[index] = strings.ToLower(name)
			}
		}
	}
}

// Envoy refuses a listener if two of its filter chains match the same connections.
func overlap(chains []*listener.FilterChain) string {
	seen := map[string]bool{}
	for _, chain := range chains {
		match := chain.GetFilterChainMatch()
		names := match.GetServerNames()
		if len(names) == 0 {
			names = []string{""}
		}
		protocols := match.GetApplicationProtocols()
		if len(protocols) == 0 {
			protocols = []string{""}
		}
		for _, name := range names {
			for _, protocol := range protocols {
				key := fmt.Sprintf("%v %s %d %v %s", match.GetPrefixRanges(),
					match.GetTransportProtocol(), match.GetDestinationPort().GetValue(),
					protocol, name)
				if seen[key] {
					return fmt.Sprintf("two filter chains match the server name %q", name)
				}
				seen[key] = true
			}
		}
	}
	return ""
}

func chainOf(t test.Failer, given *listener.FilterChain) Chain {
	match := given.GetFilterChainMatch()
	found := Chain{
		Name:      given.GetName(),
		SNI:       match.GetServerNames(),
		Transport: match.GetTransportProtocol(),
		ALPN:      match.GetApplicationProtocols(),
	}
	if config := given.GetTransportSocket().GetTypedConfig(); config != nil {
		terminated := &tls.DownstreamTlsContext{}
		unpacked(t, config, terminated)
		found.ClientTLS = terminated.GetRequireClientCertificate().GetValue()
		for _, each := range terminated.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs() {
			found.Secrets = append(found.Secrets, each.GetName())
		}
	}
	for _, each := range given.GetFilters() {
		config := each.GetTypedConfig()
		switch {
		case config.MessageIs(&hcm.HttpConnectionManager{}):
			manager := &hcm.HttpConnectionManager{}
			unpacked(t, config, manager)
			found.Route = manager.GetRds().GetRouteConfigName()
			if inline := manager.GetRouteConfig(); inline != nil {
				found.Route = inline.GetName()
			}
		case config.MessageIs(&tcp.TcpProxy{}):
			proxied := &tcp.TcpProxy{}
			unpacked(t, config, proxied)
			found.Cluster = proxied.GetCluster()
		}
	}
	return found
}

func clusterOf(t test.Failer, given *cluster.Cluster) Cluster {
	found := Cluster{Name: given.GetName()}
	config := given.GetTransportSocket().GetTypedConfig()
	switch {
	// Each endpoint says by its metadata whether it takes mutual TLS.
	case len(given.GetTransportSocketMatches()) > 0:
		found.TLS = "auto"
	case config.MessageIs(&tls.UpstreamTlsContext{}):
		called := &tls.UpstreamTlsContext{}
		unpacked(t, config, called)
		found.TLS = "tls"
		if len(called.GetCommonTlsContext().GetTlsCertificateSdsSecretConfigs()) > 0 {
			found.TLS = "mtls"
		}
	}
	return found
}

func unpacked(t test.Failer, from *anypb.Any, into proto.Message) {
	if err := from.UnmarshalTo(into); err != nil {
		t.Fatal(err)
	}
}
