package main

import "encoding/json"

// World is what is asked: a cluster's objects, and what some of its proxies are called with.
type World struct {
	// Istio's and Kubernetes' objects, as the API server gives them.
	Objects []json.RawMessage `json:"objects"`
	// Mesh is the mesh configuration over Istio's defaults.
	Mesh json.RawMessage `json:"mesh,omitempty"`
	// Revision and Tags are what the control plane goes by; without one it reads every object.
	Revision string   `json:"revision,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	// ScopeGatewayToNamespace is PILOT_SCOPE_GATEWAY_TO_NAMESPACE.
	ScopeGatewayToNamespace bool    `json:"scopeGatewayToNamespace,omitempty"`
	Proxies                 []Proxy `json:"proxies"`
}

// Proxy is a gateway (`router`) or a sidecar, with the calls that reach it.
type Proxy struct {
	Type           string            `json:"type"`
	Namespace      string            `json:"namespace"`
	Name           string            `json:"name"`
	Labels         map[string]string `json:"labels,omitempty"`
	ServiceAccount string            `json:"serviceAccount,omitempty"`
	IP             string            `json:"ip"`
	Calls          []Call            `json:"calls,omitempty"`
}

// Call is a connection and the request on it.
type Call struct {
	Address string `json:"address,omitempty"`
	Port    int    `json:"port"`
	// Protocol is http, http2 or tcp; TLS is plaintext, tls or mtls.
	Protocol string `json:"protocol"`
	TLS      string `json:"tls"`
	SNI      string `json:"sni,omitempty"`
	ALPN     string `json:"alpn,omitempty"`
	Host     string `json:"host,omitempty"`
	Path     string `json:"path,omitempty"`
	// Mode is gateway, outbound or inbound: how the connection comes to the proxy.
	Mode string `json:"mode,omitempty"`
}

// Answer is what istiod makes of a world, or why it could not be asked.
type Answer struct {
	Error string `json:"error,omitempty"`
	// Refused are the objects that the API server would not have taken.
	Refused []Refusal `json:"refused,omitempty"`
	// Unread are the objects that this control plane leaves to others.
	Unread  []Name       `json:"unread,omitempty"`
	Proxies []ProxyState `json:"proxies,omitempty"`
}

// Name is which object is meant.
type Name struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Refusal is an object that is not valid.
type Refusal struct {
	Name
	Why string `json:"why"`
}

// ProxyState is the configuration that a proxy gets, and what becomes of its calls.
type ProxyState struct {
	Servers   []Server   `json:"servers,omitempty"`
	Listeners []Listener `json:"listeners"`
	Clusters  []Cluster  `json:"clusters"`
	Calls     []Outcome  `json:"calls,omitempty"`
}

// Server is a Gateway's server on a port of the workload, as merged: in the order of the merge.
type Server struct {
	Port        uint32   `json:"port"`
	Bind        string   `json:"bind,omitempty"`
	Protocol    string   `json:"protocol"`
	Gateway     string   `json:"gateway"`
	Declared    uint32   `json:"declared"`
	Hosts       []string `json:"hosts"`
	TLS         string   `json:"tls,omitempty"`
	Credentials []string `json:"credentials,omitempty"`
	Route       string   `json:"route,omitempty"`
}

// Listener is one of Envoy's listeners. Refused says why Envoy would not take it, so that it keeps
// the one that it had before, or has none.
type Listener struct {
	Name    string  `json:"name"`
	Refused string  `json:"refused,omitempty"`
	Address string  `json:"address,omitempty"`
	Port    uint32  `json:"port,omitempty"`
	Chains  []Chain `json:"chains"`
}

// Chain is one of a listener's filter chains.
type Chain struct {
	Name      string   `json:"name,omitempty"`
	SNI       []string `json:"sni,omitempty"`
	Transport string   `json:"transport,omitempty"`
	ALPN      []string `json:"alpn,omitempty"`
	Secrets   []string `json:"secrets,omitempty"`
	ClientTLS bool     `json:"clientTls,omitempty"`
	Route     string   `json:"route,omitempty"`
	Cluster   string   `json:"cluster,omitempty"`
}

// Cluster is one of Envoy's clusters; TLS says how it is called where that is fixed.
type Cluster struct {
	Name string `json:"name"`
	TLS  string `json:"tls,omitempty"`
}

// Outcome is where a call ends up, or why it is refused there.
type Outcome struct {
	Error       string `json:"error,omitempty"`
	Listener    string `json:"listener,omitempty"`
	Chain       *Chain `json:"chain,omitempty"`
	Route       string `json:"route,omitempty"`
	VirtualHost string `json:"virtualHost,omitempty"`
	Cluster     string `json:"cluster,omitempty"`
}
