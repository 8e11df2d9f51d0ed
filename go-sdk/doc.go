// Package tradewind holds Tradewind's Task Execution Interface as Go types.
//
// The types are generated from the contract in schemas/. They are open to properties that a newer server adds, and
// refuse a value that lacks a required property, has one of the wrong type, or has a word or tag that this version of
// the contract does not know. Bounds and patterns are the server's to hold.
//
// A union is a struct with one field, Value, that holds one of the variants. An optional property is a pointer, or a
// nil slice, map or json.RawMessage when it is absent; null is read as absent.
package tradewind
