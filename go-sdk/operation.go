package tradewind

// Parameter of the path or the query of an operation.
type Parameter struct {
	Name     string
	Location string
	Required bool
}

// Body of a request or response: the name of a type of the contract, or another media type, or a stream.
type Body struct {
	Type   string
	Media  string
	Stream string
}

// Operation of the interface. Caller is anyone, worker or activity; FromTask marks what user code may call.
type Operation struct {
	ID         string
	Summary    string
	Method     string
	Path       string
	Caller     string
	FromTask   bool
	Parameters []Parameter
	Request    Body
	Response   Body
	Status     int
	Refusals   []ProblemReason
}
