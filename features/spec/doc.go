// Package spec is what a model's settings say of its features: the section `features:` of model.yaml (Settings), what is
// wrong with it (Check, Compile), and the Plan that is made of it at load.
//
// A model's session has inputs, some of which are filled from stores. What clients see is another schema, Plan.Client:
// the session's inputs in their order, of which a request may leave the filled ones out, and behind them the entities
// and request values, and for each stored feature an input GROUP:FEATURE that takes its place. tensor.Spec.Part says
// which is which. A Plan holds no names to look up: where the bytes of each column come from is numbers and offsets.
//
// A ladder says what answers where too little was found (Rung). A Plan has its rungs, with the bytes of constants; what the
// names of models stand for is seen when a request needs them.
//
// The package is pure, reads no clock and does no I/O. models/bundle reads Settings and checks them, features/fill
// carries a Plan out, and serve joins the plan's groups to stores.
//
// Invariants: a Plan does not change once made; the first inputs of Plan.Client are those of Plan.Session, in the same
// order, so that what is numbered by input, such as limits of lengths, is right for both.
package spec
