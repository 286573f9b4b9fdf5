// What istiod makes of a world's configuration, and where calls end up in what it makes.
//
// One world is one line of JSON on the standard input, its answer one line on the standard output.
// Everything is Istio's own code: its admission's validation, its registry, its merge of Gateways,
// its generators, and its simulation of Envoy's matching. Nothing listens, no cluster is asked.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/util/sets"
	"istio.io/istio/pkg/version"
)

// The longest line that is read: a world of many thousand objects.
const longest = 256 << 20

func main() {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Println(version.Info.Version)
		return
	}
	quiet()
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Istio logs to the standard output unless it is told otherwise, which is the answers'.
func quiet() {
	options := log.DefaultOptions()
	options.OutputPaths = []string{"stderr"}
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.NoneLevel)
	if err := log.Configure(options); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longest)
	answers := bufio.NewWriter(out)
	all := &registries{byKey: map[string]*registry{}, selected: map[string]sets.String{}}
	for lines.Scan() {
		line, err := json.Marshal(all.answer(lines.Bytes()))
		if err != nil {
			return err
		}
		if _, err := answers.Write(append(line, '\n')); err != nil {
			return err
		}
		if err := answers.Flush(); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (all *registries) answer(line []byte) Answer {
	var asked World
	if err := json.Unmarshal(line, &asked); err != nil {
		return Answer{Error: err.Error()}
	}
	found, err := all.simulate(asked)
	if err != nil {
		return Answer{Error: err.Error()}
	}
	return found
}
