// Renders a Helm chart's templates, as `helm template` would, for machines that have no helm. Only what the charts here use:
// templates, values, sprig, include, tpl, required, toYaml. Reads {chart, values, release, namespace} as JSON from standard
// input, the values complete and checked, prints {template: text} as JSON. Built with Debian's golang and golang-github-masterminds-sprig-dev.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type object = map[string]interface{}

type request struct {
	Chart, Release, Namespace string
	Values                    object
}

// Chart.yaml by the names that templates use.
type metadata struct {
	Name, Version, AppVersion, Type, Description string
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func read(path string, into interface{}) {
	text, err := os.ReadFile(path)
	check(err)
	check(yaml.Unmarshal(text, into))
}

func toYaml(value interface{}) string {
	text, err := yaml.Marshal(value)
	check(err)
	return strings.TrimSuffix(string(text), "\n")
}

func execute(t *template.Template, name string, data interface{}) (string, error) {
	var out strings.Builder
	err := t.ExecuteTemplate(&out, name, data)
	// What helm prints for a value that is not there.
	return strings.ReplaceAll(out.String(), "<no value>", ""), err
}

func parse(folder string) *template.Template {
	t := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	delete(functions, "env")
	delete(functions, "expandenv")
	functions["toYaml"] = toYaml
	functions["include"] = func(name string, data interface{}) (string, error) { return execute(t, name, data) }
	functions["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, errors.New(message)
		}
		return value, nil
	}
	functions["tpl"] = func(text string, data interface{}) (string, error) {
		clone, err := t.Clone()
		check(err)
		_, err = clone.New("tpl").Parse(text)
		check(err)
		return execute(clone, "tpl", data)
	}
	t.Funcs(functions)
	files, err := filepath.Glob(filepath.Join(folder, "templates", "*"))
	check(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(err)
		_, err = t.New(filepath.Base(file)).Parse(string(text))
		check(err)
	}
	return t
}

func main() {
	log.SetFlags(0)
	var r request
	var chart metadata
	rendered := map[string]string{}
	check(json.NewDecoder(os.Stdin).Decode(&r))
	read(filepath.Join(r.Chart, "Chart.yaml"), &chart)
	data := object{
		"Values":  r.Values,
		"Chart":   chart,
		"Release": object{"Name": r.Release, "Namespace": r.Namespace, "Service": "Helm", "IsInstall": true, "IsUpgrade": false, "Revision": 1},
	}
	t := parse(r.Chart)
	for _, each := range t.Templates() {
		if name := each.Name(); strings.HasSuffix(name, ".yaml") || name == "NOTES.txt" {
			text, err := execute(t, name, data)
			check(err)
			rendered[name] = text
		}
	}
	check(json.NewEncoder(os.Stdout).Encode(rendered))
}
