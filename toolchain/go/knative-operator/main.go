// The Knative operator: its own controllers, without the servers that its own main starts.
//
// Those (probes, profiling) listen on every address of the machine and can't be told not to; and
// with one process there is nobody to elect a leader from. With --version it tells which operator
// it is.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"knative.dev/operator/pkg/reconciler/knativeeventing"
	"knative.dev/operator/pkg/reconciler/knativeserving"
	"knative.dev/pkg/controller"
	"knative.dev/pkg/injection"
	"knative.dev/pkg/injection/sharedmain"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/signals"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(version())
		return
	}
	config := injection.ParseAndGetRESTConfigOrDie()
	ctx, startInformers := injection.EnableInjectionOrDie(signals.NewContext(), config)
	logger := logging.FromContext(ctx)
	watcher := sharedmain.SetupConfigMapWatchOrDie(ctx, logger)
	controllers := []*controller.Impl{
		knativeserving.NewController(ctx, watcher),
		knativeeventing.NewController(ctx, watcher),
	}
	if err := watcher.Start(ctx.Done()); err != nil {
		logger.Fatalw("The configuration can't be watched", "error", err)
	}
	startInformers()
	if err := controller.StartAll(ctx, controllers...); err != nil {
		logger.Fatalw("A controller failed", "error", err)
	}
}

func version() string {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == "knative.dev/operator" {
			return module.Version
		}
	}
	return "unknown"
}
