package main

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"istio.io/istio/pilot/pkg/config/memory"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pilot/pkg/serviceregistry"
	"istio.io/istio/pilot/pkg/serviceregistry/kube/controller"
	"istio.io/istio/pilot/test/xds"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/constants"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/gvk"
	"istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/test/util/retry"
	"istio.io/istio/pkg/util/sets"

	meshconfig "istio.io/api/mesh/v1alpha1"
)

// How many registries are kept for the worlds to come.
const kept = 64

// Nearly all of a world's time goes into the registry of its services, so that one is kept for
// other worlds with the same: it runs in a goroutine, which takes what is to be done with it.
type registry struct {
	work  chan func(test.Failer, *core.ConfigGenTest)
	ended chan error
}

type registries struct {
	byKey map[string]*registry
	keys  []string
	// By what they are made of: the namespaces that discovery selectors select.
	selected map[string]sets.String
}

// What a registry is made of: anything but what only the configuration is.
func key(all objects, asked World) (string, error) {
	var entries []config.Config
	for _, each := range all.configs {
		if isEntry(each) {
			entries = append(entries, each)
		}
	}
	made, err := json.Marshal([]any{all.kubernetes, entries, asked.Mesh, pods(asked.Proxies)})
	return string(made), err
}

func isEntry(given config.Config) bool {
	kind := given.GroupVersionKind
	return kind == gvk.ServiceEntry || kind == gvk.WorkloadEntry || kind == gvk.WorkloadGroup
}

func (all *registries) do(
	key string, made func(test.Failer) *core.ConfigGenTest,
	work func(test.Failer, *core.ConfigGenTest),
) error {
	found := all.byKey[key]
	if found == nil {
		if len(all.keys) == kept {
			close(all.byKey[all.keys[0]].work)
			delete(all.byKey, all.keys[0])
			all.keys = all.keys[1:]
		}
		found = start(made)
		all.byKey[key] = found
		all.keys = append(all.keys, key)
	}
	done := false
	finished := func(t test.Failer, running *core.ConfigGenTest) {
		work(t, running)
		done = true
		found.ended <- nil
	}
	select {
	case found.work <- finished:
	case err := <-found.ended:
		all.forget(key)
		return err
	}
	err := <-found.ended
	if !done {
		all.forget(key)
	}
	return err
}

func (all *registries) forget(key string) {
	delete(all.byKey, key)
	for index, each := range all.keys {
		if each == key {
			all.keys = append(all.keys[:index], all.keys[index+1:]...)
			return
		}
	}
}

func start(made func(test.Failer) *core.ConfigGenTest) *registry {
	started := &registry{
		work:  make(chan func(test.Failer, *core.ConfigGenTest)),
		ended: make(chan error, 1),
	}
	go func() {
		err := test.Wrap(func(t test.Failer) {
			defer failed(t)
			running := made(t)
			for work := range started.work {
				work(t, running)
			}
		})
		if err != nil {
			started.ended <- err
		}
	}()
	return started
}

func failed(t test.Failer) {
	if problem := recover(); problem != nil {
		t.Fatal(fmt.Sprintf("istiod's code panicked: %v", problem))
	}
}

// discovery makes everything that reads a cluster, where it has objects of the Gateway API.
func discovery(
	t test.Failer, all objects, read []config.Config, mesh *meshconfig.MeshConfig, asked World,
) *core.ConfigGenTest {
	return xds.NewFakeDiscoveryServer(t, xds.FakeOptions{
		Configs:           read,
		KubernetesObjects: append(all.kubernetes, pods(asked.Proxies)...),
		MeshConfig:        mesh,
	}).ConfigGenTest
}

// services makes the registry alone.
func services(
	t test.Failer, all objects, read []config.Config, mesh *meshconfig.MeshConfig, asked World,
) *core.ConfigGenTest {
	var entries []config.Config
	for _, each := range read {
		if isEntry(each) {
			entries = append(entries, each)
		}
	}
	kubernetes, _ := controller.NewFakeControllerWithOptions(t, controller.FakeControllerOptions{
		Client:        kube.NewFakeClient(append(all.kubernetes, pods(asked.Proxies)...)...),
		ClusterID:     constants.DefaultClusterName,
		DomainSuffix:  domain,
		MeshWatcher:   meshwatcher.NewTestWatcher(mesh),
		ConfigCluster: true,
	})
	return core.NewConfigGenTest(t, core.TestOptions{
		Configs:           entries,
		MeshConfig:        mesh,
		ServiceRegistries: []serviceregistry.Instance{kubernetes},
		ClusterID:         constants.DefaultClusterName,
	})
}

// configure has what runs read another configuration from now on.
func configure(t test.Failer, running *core.ConfigGenTest, read []config.Config) {
	env := running.Env()
	store := memory.NewController(memory.MakeSkipValidation(collections.PilotGatewayAPI()))
	for _, each := range read {
		if _, err := store.Create(each); err != nil {
			t.Fatal(err)
		}
	}
	routes := model.NewVirtualServiceController(store, model.VSControllerOptions{
		KrtDebugger: krt.GlobalDebugHandler,
		XDSUpdater:  model.NewEndpointIndexUpdater(env.EndpointIndex),
	}, env.Watcher)
	stop := make(chan struct{})
	defer close(stop)
	go store.Run(stop)
	go routes.Run(stop)
	retry.UntilOrFail(t, store.HasSynced, retry.Delay(time.Millisecond))
	retry.UntilOrFail(t, routes.HasSynced, retry.Delay(time.Millisecond))
	env.ConfigStore = store
	env.VirtualServiceController = routes
	env.SetPushContext(model.NewPushContext())
	env.PushContext().InitContext(env, nil, nil)
}

// The registry knows the workloads of proxies by their pods.
func pods(proxies []Proxy) (found []runtime.Object) {
	for _, each := range proxies {
		found = append(found, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name: each.Name, Namespace: each.Namespace, Labels: each.Labels,
			},
			Spec: corev1.PodSpec{ServiceAccountName: each.ServiceAccount},
			Status: corev1.PodStatus{
				Phase:  corev1.PodRunning,
				PodIP:  each.IP,
				PodIPs: []corev1.PodIP{{IP: each.IP}},
			},
		})
	}
	return found
}
