// Package criteria is the language in which the settings of a model say what its outputs mean and what a candidate has
// to show: outputs, criteria, segments. It checks them against a schema, and has the defaults for a model that declares
// none. It judges nothing. The settings of models decode it, and compare holds candidates to it.
package criteria
