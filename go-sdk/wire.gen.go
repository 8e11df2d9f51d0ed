// Code generated from schemas/head by tools.contract. DO NOT EDIT.

package tradewind

import (
	"encoding/json"
	"time"
)

// TaskTryReference: Composite identity of a try: all that a task needs to find itself.
type TaskTryReference struct {
	DagID DagID `json:"dag_id"`

	RunID RunID `json:"run_id"`

	TaskID TaskID `json:"task_id"`

	MapIndex MapIndex `json:"map_index"`

	TryNumber TryNumber `json:"try_number"`

	TryID TryID `json:"try_id"`
}

var checksTaskTryReference = object("TaskTryReference").needs("dag_id", "run_id", "task_id", "map_index", "try_number", "try_id")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *TaskTryReference) UnmarshalJSON(data []byte) error {
	type plain TaskTryReference
	if err := checksTaskTryReference.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// CodeReference: Where the code of an activity is found. Code is content-addressed.
type CodeReference struct {
	Bundle BundleName `json:"bundle"`

	// Digest of the snapshot's manifest.
	Snapshot Digest `json:"snapshot"`

	File FilePath `json:"file"`

	// Digest of the DAG file and of every bundle file that its parse read; absent before the first parse.
	CodeID *Digest `json:"code_id,omitzero"`
}

var checksCodeReference = object("CodeReference").needs("bundle", "snapshot", "file")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *CodeReference) UnmarshalJSON(data []byte) error {
	type plain CodeReference
	if err := checksCodeReference.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// DagRunContext: The run as its tasks see it.
type DagRunContext struct {
	DagID DagID `json:"dag_id"`

	RunID RunID `json:"run_id"`

	RunType DagRunType `json:"run_type"`

	// The date that the run is about.
	LogicalDate *time.Time `json:"logical_date,omitzero"`

	// Start of the data interval.
	DataIntervalStart *time.Time `json:"data_interval_start,omitzero"`

	// End of the data interval.
	DataIntervalEnd *time.Time `json:"data_interval_end,omitzero"`

	// Moment from which the run may start.
	RunAfter time.Time `json:"run_after"`

	// Moment when the run started.
	StartDate *time.Time `json:"start_date,omitzero"`

	// Configuration given when the run was triggered.
	Conf map[string]JSONValue `json:"conf"`

	// Number of the DAG version that the run is pinned to.
	DagVersion int64 `json:"dag_version"`

	// Name of the credential that triggered the run.
	TriggeringUser *string `json:"triggering_user,omitzero"`

	// Moment when the next scheduled run is due, if the DAG has a timetable.
	NextRunAfter *time.Time `json:"next_run_after,omitzero"`

	// Words of whoever triggered or annotated the run.
	Note *string `json:"note,omitzero"`

	TriggeredBy *TriggeredBy `json:"triggered_by,omitzero"`
}

var checksDagRunContext = object("DagRunContext").needs("dag_id", "run_id", "run_type", "run_after", "conf", "dag_version")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *DagRunContext) UnmarshalJSON(data []byte) error {
	type plain DagRunContext
	if err := checksDagRunContext.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v DagRunContext) MarshalJSON() ([]byte, error) {
	type plain DagRunContext
	if v.Conf == nil {
		v.Conf = map[string]JSONValue{}
	}
	return json.Marshal(plain(v))
}

// ExecuteTask: Run one try of a task instance.
type ExecuteTask struct {
	TaskTry TaskTryReference `json:"task_try"`

	DagRun DagRunContext `json:"dag_run"`

	Code CodeReference `json:"code"`

	// Tries that the task instance may have without counting lost ones.
	MaxTries int64 `json:"max_tries"`

	Isolation Isolation `json:"isolation"`

	OnCut OnCut `json:"on_cut"`

	// Time after which the try is stopped and fails.
	ExecutionTimeoutSeconds *float64 `json:"execution_timeout_seconds,omitzero"`

	// Operating-system user that its code runs as.
	RunAsUser *string `json:"run_as_user,omitzero"`
}

var checksExecuteTask = object("ExecuteTask").tagged("kind", "execute_task").needs("task_try", "dag_run", "code", "max_tries", "isolation", "on_cut")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *ExecuteTask) UnmarshalJSON(data []byte) error {
	type plain ExecuteTask
	if err := checksExecuteTask.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v ExecuteTask) MarshalJSON() ([]byte, error) {
	type plain ExecuteTask
	return json.Marshal(struct {
		Tag string `json:"kind"`
		plain
	}{"execute_task", plain(v)})
}

// ParseDagFile: Import one DAG file and report the DAGs that it declares.
type ParseDagFile struct {
	ParseID ParseID `json:"parse_id"`

	Code CodeReference `json:"code"`

	// Time after which the import is given up as an import error.
	TimeoutSeconds float64 `json:"timeout_seconds"`
}

var checksParseDagFile = object("ParseDagFile").tagged("kind", "parse_dag_file").needs("parse_id", "code", "timeout_seconds")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *ParseDagFile) UnmarshalJSON(data []byte) error {
	type plain ParseDagFile
	if err := checksParseDagFile.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v ParseDagFile) MarshalJSON() ([]byte, error) {
	type plain ParseDagFile
	return json.Marshal(struct {
		Tag string `json:"kind"`
		plain
	}{"parse_dag_file", plain(v)})
}

// Activity: Work that is handed out.
type Activity struct {
	Value ActivityVariant
}

// ActivityVariant is one of ExecuteTask, ParseDagFile.
type ActivityVariant interface {
	isActivity()
}

func (ExecuteTask) isActivity() {}

func (ParseDagFile) isActivity() {}

// UnmarshalJSON chooses the variant by kind.
func (u *Activity) UnmarshalJSON(data []byte) error {
	tag, err := readTag("Activity", "kind", data)
	if err != nil {
		return err
	}
	switch tag {
	case "execute_task":
		u.Value, err = decodeAs[ExecuteTask](data)
	case "parse_dag_file":
		u.Value, err = decodeAs[ParseDagFile](data)
	default:
		err = unknownTag("Activity", "kind", tag)
	}
	return err
}

// MarshalJSON writes the variant with its tag.
func (u Activity) MarshalJSON() ([]byte, error) {
	return encodeVariant("Activity", u.Value)
}

// Connection: A connection with its secrets.
type Connection struct {
	ConnID ConnectionID `json:"conn_id"`

	// Kind of the connection, such as postgres or http.
	ConnType string `json:"conn_type"`

	Description *string `json:"description,omitzero"`

	Host *string `json:"host,omitzero"`

	Login *string `json:"login,omitzero"`

	Password *string `json:"password,omitzero"`

	// TCP port.
	Port *int64 `json:"port,omitzero"`

	// Database or schema on the host.
	SchemaName *string `json:"schema_name,omitzero"`

	// Further settings as a JSON object in text form.
	Extra *string `json:"extra,omitzero"`
}

var checksConnection = object("Connection").needs("conn_id", "conn_type")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Connection) UnmarshalJSON(data []byte) error {
	type plain Connection
	if err := checksConnection.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// Variable: A variable with its value.
type Variable struct {
	Key VariableKey `json:"key"`

	// The value; JSON values are kept as JSON text.
	Value string `json:"value"`
}

var checksVariable = object("Variable").needs("key", "value")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Variable) UnmarshalJSON(data []byte) error {
	type plain Variable
	if err := checksVariable.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// Secrets: Secrets that the task declared, pushed with it.
type Secrets struct {
	Connections []Connection `json:"connections"`

	Variables []Variable `json:"variables"`
}

var checksSecrets = object("Secrets").needs("connections", "variables").elements("connections", "variables")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Secrets) UnmarshalJSON(data []byte) error {
	type plain Secrets
	if err := checksSecrets.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v Secrets) MarshalJSON() ([]byte, error) {
	type plain Secrets
	if v.Connections == nil {
		v.Connections = []Connection{}
	}
	if v.Variables == nil {
		v.Variables = []Variable{}
	}
	return json.Marshal(plain(v))
}

// Delivery: An activity with everything that a worker needs to run it.
type Delivery struct {
	DispatchID DispatchID `json:"dispatch_id"`

	Activity Activity `json:"activity"`

	// Execution token of the activity.
	Token string `json:"token"`

	// Expiry of the token.
	TokenExpiresAt time.Time `json:"token_expires_at"`

	// Silence of the worker after which the dispatch may be taken over.
	TakeoverAfterSeconds float64 `json:"takeover_after_seconds"`

	Secrets Secrets `json:"secrets"`

	Contract ContractVersion `json:"contract"`
}

var checksDelivery = object("Delivery").needs("dispatch_id", "activity", "token", "token_expires_at", "takeover_after_seconds", "secrets", "contract")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Delivery) UnmarshalJSON(data []byte) error {
	type plain Delivery
	if err := checksDelivery.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// StartRequest: Exchange of a ticket for the activity that it stands for.
type StartRequest struct {
	// The 256 random bits of the envelope, base64url without padding.
	Ticket string `json:"ticket"`

	// Chosen once by the client; only the same nonce may repeat the exchange.
	Nonce string `json:"nonce"`

	InstanceID InstanceID `json:"instance_id"`

	Hostname string `json:"hostname"`

	PID int64 `json:"pid"`

	SDKVersion string `json:"sdk_version"`

	// Language of the SDK, such as python or go.
	Language string `json:"language"`
}

var checksStartRequest = object("StartRequest").needs("ticket", "nonce", "instance_id", "hostname", "pid", "sdk_version", "language")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *StartRequest) UnmarshalJSON(data []byte) error {
	type plain StartRequest
	if err := checksStartRequest.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// Started: User code is about to run.
type Started struct {
	Hostname string `json:"hostname"`

	// Name of the operating-system user.
	Unixname *string `json:"unixname,omitzero"`

	// Process id of the try on its host.
	PID int64 `json:"pid"`

	// On the worker's clock.
	StartedAt time.Time `json:"started_at"`
}

var checksStarted = object("Started").needs("hostname", "pid", "started_at")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Started) UnmarshalJSON(data []byte) error {
	type plain Started
	if err := checksStarted.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// RenewRequest: Ask for a new execution token in place of one that is valid or expired.
type RenewRequest struct {
	// The old token.
	Token string `json:"token"`
}

var checksRenewRequest = object("RenewRequest").needs("token")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *RenewRequest) UnmarshalJSON(data []byte) error {
	type plain RenewRequest
	if err := checksRenewRequest.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// Renewal: A new execution token.
type Renewal struct {
	Token string `json:"token"`

	// Expiry of the token.
	TokenExpiresAt time.Time `json:"token_expires_at"`
}

var checksRenewal = object("Renewal").needs("token", "token_expires_at")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Renewal) UnmarshalJSON(data []byte) error {
	type plain Renewal
	if err := checksRenewal.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// LeaseRenewal: One small sign of life for everything that a worker runs.
type LeaseRenewal struct {
	InstanceID InstanceID `json:"instance_id"`

	// Live and spooled dispatches of the worker.
	Dispatches []DispatchID `json:"dispatches"`
}

var checksLeaseRenewal = object("LeaseRenewal").needs("instance_id", "dispatches").elements("dispatches")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *LeaseRenewal) UnmarshalJSON(data []byte) error {
	type plain LeaseRenewal
	if err := checksLeaseRenewal.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v LeaseRenewal) MarshalJSON() ([]byte, error) {
	type plain LeaseRenewal
	if v.Dispatches == nil {
		v.Dispatches = []DispatchID{}
	}
	return json.Marshal(plain(v))
}

// LeaseState: What the server makes of a sign of life.
type LeaseState struct {
	// How long the lease now lasts.
	LeaseSeconds float64 `json:"lease_seconds"`

	// Dispatches that are not live any more; the worker kills them and drops their outcome.
	Ended []DispatchID `json:"ended"`
}

var checksLeaseState = object("LeaseState").needs("lease_seconds", "ended").elements("ended")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *LeaseState) UnmarshalJSON(data []byte) error {
	type plain LeaseState
	if err := checksLeaseState.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v LeaseState) MarshalJSON() ([]byte, error) {
	type plain LeaseState
	if v.Ended == nil {
		v.Ended = []DispatchID{}
	}
	return json.Marshal(plain(v))
}

// Envelope: All that travels through a broker: no secret and nothing that grants more than one start.
type Envelope struct {
	Contract ContractVersion `json:"contract"`

	// Base URL of the API server.
	APIURL string `json:"api_url"`

	Kind ActivityKind `json:"kind"`

	DispatchID DispatchID `json:"dispatch_id"`

	// 256 random bits, base64url without padding.
	Ticket string `json:"ticket"`
}

var checksEnvelope = object("Envelope").needs("contract", "api_url", "kind", "dispatch_id", "ticket")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Envelope) UnmarshalJSON(data []byte) error {
	type plain Envelope
	if err := checksEnvelope.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// SnapshotFile: One file of a snapshot.
type SnapshotFile struct {
	Digest Digest `json:"digest"`

	// In bytes.
	Size int64 `json:"size"`
}

var checksSnapshotFile = object("SnapshotFile").needs("digest", "size")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SnapshotFile) UnmarshalJSON(data []byte) error {
	type plain SnapshotFile
	if err := checksSnapshotFile.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// SnapshotManifest: An immutable state of a bundle.
type SnapshotManifest struct {
	Snapshot Digest `json:"snapshot"`

	Bundle BundleName `json:"bundle"`

	// Path relative to the bundle's root to file.
	Files map[string]SnapshotFile `json:"files"`
}

var checksSnapshotManifest = object("SnapshotManifest").needs("snapshot", "bundle", "files").elements("files")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SnapshotManifest) UnmarshalJSON(data []byte) error {
	type plain SnapshotManifest
	if err := checksSnapshotManifest.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v SnapshotManifest) MarshalJSON() ([]byte, error) {
	type plain SnapshotManifest
	if v.Files == nil {
		v.Files = map[string]SnapshotFile{}
	}
	return json.Marshal(plain(v))
}

// SnapshotFilesRequest: Files of a snapshot whose contents are wanted; together they are no larger than a body may be.
type SnapshotFilesRequest struct {
	// Digests of the files, as the manifest names them.
	Digests []Digest `json:"digests"`
}

var checksSnapshotFilesRequest = object("SnapshotFilesRequest").needs("digests").elements("digests")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SnapshotFilesRequest) UnmarshalJSON(data []byte) error {
	type plain SnapshotFilesRequest
	if err := checksSnapshotFilesRequest.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v SnapshotFilesRequest) MarshalJSON() ([]byte, error) {
	type plain SnapshotFilesRequest
	if v.Digests == nil {
		v.Digests = []Digest{}
	}
	return json.Marshal(plain(v))
}

// XComEntry: An XCom that a try leaves.
type XComEntry struct {
	Key XComKey `json:"key"`

	Value JSONValue `json:"value"`
}

var checksXComEntry = object("XComEntry").needs("key").needsAny("value")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *XComEntry) UnmarshalJSON(data []byte) error {
	type plain XComEntry
	if err := checksXComEntry.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// XComValue: An XCom that was found.
type XComValue struct {
	Value JSONValue `json:"value"`
}

var checksXComValue = object("XComValue").needsAny("value")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *XComValue) UnmarshalJSON(data []byte) error {
	type plain XComValue
	if err := checksXComValue.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// SetXCom: Write an XCom of the own task instance.
type SetXCom struct {
	OpID OperationID `json:"op_id"`

	Value JSONValue `json:"value"`
}

var checksSetXCom = object("SetXCom").needs("op_id").needsAny("value")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SetXCom) UnmarshalJSON(data []byte) error {
	type plain SetXCom
	if err := checksSetXCom.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// SetVariable: Write a variable.
type SetVariable struct {
	OpID OperationID `json:"op_id"`

	// The value; JSON values are kept as JSON text.
	Value string `json:"value"`

	// Words about it.
	Description *string `json:"description,omitzero"`
}

var checksSetVariable = object("SetVariable").needs("op_id", "value")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SetVariable) UnmarshalJSON(data []byte) error {
	type plain SetVariable
	if err := checksSetVariable.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// VariableKeys: Keys of variables that may be read.
type VariableKeys struct {
	// Sorted.
	Keys []VariableKey `json:"keys"`
}

var checksVariableKeys = object("VariableKeys").needs("keys").elements("keys")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *VariableKeys) UnmarshalJSON(data []byte) error {
	type plain VariableKeys
	if err := checksVariableKeys.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v VariableKeys) MarshalJSON() ([]byte, error) {
	type plain VariableKeys
	if v.Keys == nil {
		v.Keys = []VariableKey{}
	}
	return json.Marshal(plain(v))
}

// TriggerRun: Ask for a run of a DAG.
type TriggerRun struct {
	OpID OperationID `json:"op_id"`

	// Name of the run; made from the time when absent.
	RunID *RunID `json:"run_id,omitzero"`

	// The date that the run is about.
	LogicalDate *time.Time `json:"logical_date,omitzero"`

	// Moment from which the run may start; now when absent.
	RunAfter *time.Time `json:"run_after,omitzero"`

	// Configuration that its tasks can read.
	Conf map[string]JSONValue `json:"conf"`

	// Words about the run.
	Note *string `json:"note,omitzero"`

	// Whether a run of this name or logical date that exists is cleared and starts again.
	Reset *bool `json:"reset,omitzero"`
}

// ResetOrDefault is the value that an absent reset stands for, or the one given.
func (v TriggerRun) ResetOrDefault() bool {
	return orDefault(v.Reset, false)
}

var checksTriggerRun = object("TriggerRun").needs("op_id", "conf")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *TriggerRun) UnmarshalJSON(data []byte) error {
	type plain TriggerRun
	if err := checksTriggerRun.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v TriggerRun) MarshalJSON() ([]byte, error) {
	type plain TriggerRun
	if v.Conf == nil {
		v.Conf = map[string]JSONValue{}
	}
	return json.Marshal(plain(v))
}

// RunSummary: A run, as other runs see it.
type RunSummary struct {
	DagID DagID `json:"dag_id"`

	RunID RunID `json:"run_id"`

	RunType DagRunType `json:"run_type"`

	State DagRunState `json:"state"`

	// Moment from which it may start.
	RunAfter time.Time `json:"run_after"`

	// The date that it is about.
	LogicalDate *time.Time `json:"logical_date,omitzero"`

	// Start of the data interval.
	DataIntervalStart *time.Time `json:"data_interval_start,omitzero"`

	// End of the data interval.
	DataIntervalEnd *time.Time `json:"data_interval_end,omitzero"`

	// Moment when it started.
	StartDate *time.Time `json:"start_date,omitzero"`

	// Moment when it ended.
	EndDate *time.Time `json:"end_date,omitzero"`
}

var checksRunSummary = object("RunSummary").needs("dag_id", "run_id", "run_type", "state", "run_after")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *RunSummary) UnmarshalJSON(data []byte) error {
	type plain RunSummary
	if err := checksRunSummary.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// Assignment: First frame to the child: what it is to do.
type Assignment struct {
	DispatchID DispatchID `json:"dispatch_id"`

	Activity Activity `json:"activity"`

	Secrets Secrets `json:"secrets"`

	// Directory that holds the files of the snapshot.
	SnapshotDirectory string `json:"snapshot_directory"`

	// Class that turns values into XComs and back, as module:Class.
	XcomBackend *string `json:"xcom_backend,omitzero"`

	// Classes that XComs may be turned into, beside the built-in ones: names with their modules, in which * stands for anything.
	XcomClasses []string `json:"xcom_classes,omitzero"`
}

var checksAssignment = object("Assignment").tagged("frame", "assignment").needs("dispatch_id", "activity", "secrets", "snapshot_directory").elements("xcom_classes")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Assignment) UnmarshalJSON(data []byte) error {
	type plain Assignment
	if err := checksAssignment.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Assignment) MarshalJSON() ([]byte, error) {
	type plain Assignment
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"assignment", plain(v)})
}

// Mask: Texts that the log must not show from now on. The answer is a response without a body.
type Mask struct {
	// Unique among the frames of the child that are answered.
	RequestID int64 `json:"request_id"`

	Values []string `json:"values"`
}

var checksMask = object("Mask").tagged("frame", "mask").needs("request_id", "values").elements("values")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Mask) UnmarshalJSON(data []byte) error {
	type plain Mask
	if err := checksMask.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Mask) MarshalJSON() ([]byte, error) {
	type plain Mask
	if v.Values == nil {
		v.Values = []string{}
	}
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"mask", plain(v)})
}

// Result: Last frame from the child: how it ended.
type Result struct {
	Outcome Outcome `json:"outcome"`
}

var checksResult = object("Result").tagged("frame", "result").needs("outcome")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Result) UnmarshalJSON(data []byte) error {
	type plain Result
	if err := checksResult.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Result) MarshalJSON() ([]byte, error) {
	type plain Result
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"result", plain(v)})
}

// ChildFrame: Frame from the child. Its requests carry no token: the supervisor adds it.
type ChildFrame struct {
	Value ChildFrameVariant
}

// ChildFrameVariant is one of Request, Mask, Result.
type ChildFrameVariant interface {
	isChildFrame()
}

func (Request) isChildFrame() {}

func (Mask) isChildFrame() {}

func (Result) isChildFrame() {}

// UnmarshalJSON chooses the variant by frame.
func (u *ChildFrame) UnmarshalJSON(data []byte) error {
	tag, err := readTag("ChildFrame", "frame", data)
	if err != nil {
		return err
	}
	switch tag {
	case "request":
		u.Value, err = decodeAs[Request](data)
	case "mask":
		u.Value, err = decodeAs[Mask](data)
	case "result":
		u.Value, err = decodeAs[Result](data)
	default:
		err = unknownTag("ChildFrame", "frame", tag)
	}
	return err
}

// MarshalJSON writes the variant with its tag.
func (u ChildFrame) MarshalJSON() ([]byte, error) {
	return encodeVariant("ChildFrame", u.Value)
}

// SupervisorFrame: Frame to the child.
type SupervisorFrame struct {
	Value SupervisorFrameVariant
}

// SupervisorFrameVariant is one of Assignment, Response.
type SupervisorFrameVariant interface {
	isSupervisorFrame()
}

func (Assignment) isSupervisorFrame() {}

func (Response) isSupervisorFrame() {}

// UnmarshalJSON chooses the variant by frame.
func (u *SupervisorFrame) UnmarshalJSON(data []byte) error {
	tag, err := readTag("SupervisorFrame", "frame", data)
	if err != nil {
		return err
	}
	switch tag {
	case "assignment":
		u.Value, err = decodeAs[Assignment](data)
	case "response":
		u.Value, err = decodeAs[Response](data)
	default:
		err = unknownTag("SupervisorFrame", "frame", tag)
	}
	return err
}

// MarshalJSON writes the variant with its tag.
func (u SupervisorFrame) MarshalJSON() ([]byte, error) {
	return encodeVariant("SupervisorFrame", u.Value)
}

// Grants: What the code of a DAG declares to need beyond its own run.
type Grants struct {
	// Connections that may be read.
	Connections []GrantPattern `json:"connections"`

	// Variables that may be read.
	Variables []GrantPattern `json:"variables"`

	// Variables that may be written and deleted.
	WriteVariables []GrantPattern `json:"write_variables,omitzero"`

	// Other DAGs whose runs and XComs may be read.
	ReadDags []GrantPattern `json:"read_dags,omitzero"`

	// DAGs that may be triggered.
	TriggerDags []GrantPattern `json:"trigger_dags,omitzero"`
}

var checksGrants = object("Grants").needs("connections", "variables").elements("connections", "variables", "write_variables", "read_dags", "trigger_dags")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Grants) UnmarshalJSON(data []byte) error {
	type plain Grants
	if err := checksGrants.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v Grants) MarshalJSON() ([]byte, error) {
	type plain Grants
	if v.Connections == nil {
		v.Connections = []GrantPattern{}
	}
	if v.Variables == nil {
		v.Variables = []GrantPattern{}
	}
	return json.Marshal(plain(v))
}

// SerializedTask: One task of a DAG, without its code.
type SerializedTask struct {
	TaskID TaskID `json:"task_id"`

	// Class name of the operator.
	Operator string `json:"operator"`

	// Import path of the module of the operator.
	OperatorModule string `json:"operator_module"`

	// What people call the operator, if that is not its class: @task or @task.bash.
	OperatorName *string `json:"operator_name,omitzero"`

	// Tasks that this one waits for, sorted.
	Upstream []TaskID `json:"upstream"`

	TriggerRule TriggerRule `json:"trigger_rule"`

	// Further tries after a failed one.
	Retries int64 `json:"retries"`

	// Pause between a failed try and the next.
	RetryDelaySeconds float64 `json:"retry_delay_seconds"`

	Queue QueueName `json:"queue"`

	// Executor that hands this task out; the deployment's default when absent.
	Executor *ExecutorName `json:"executor,omitzero"`

	Isolation Isolation `json:"isolation"`

	OnCut OnCut `json:"on_cut"`

	// Silence of its worker after which a try counts as lost; the deployment's default when absent.
	TakeoverAfterSeconds *float64 `json:"takeover_after_seconds,omitzero"`

	// What this task declares in addition to its DAG.
	Grants *Grants `json:"grants,omitzero"`

	// Who answers for the task.
	Owner string `json:"owner"`

	// Documentation in Markdown.
	DocMd *string `json:"doc_md,omitzero"`

	// Name for people; the task id when absent.
	DisplayName *string `json:"display_name,omitzero"`

	// Innermost task group that holds the task.
	TaskGroup *TaskID `json:"task_group,omitzero"`

	// Factor by which the pause grows with each failure; 1 for a fixed pause.
	RetryBackoff *float64 `json:"retry_backoff,omitzero"`

	// Longest pause between a failed try and the next.
	MaxRetryDelaySeconds *float64 `json:"max_retry_delay_seconds,omitzero"`

	// Time after which a try is stopped and fails.
	ExecutionTimeoutSeconds *float64 `json:"execution_timeout_seconds,omitzero"`

	// Whether the same task of the run before must have ended in success or skipped.
	DependsOnPast *bool `json:"depends_on_past,omitzero"`

	// Whether a first run may go ahead without a run before it.
	IgnoreFirstDependsOnPast *bool `json:"ignore_first_depends_on_past,omitzero"`

	// Whether even skipping it waits for the run before.
	WaitForPastDependsBeforeSkipping *bool `json:"wait_for_past_depends_before_skipping,omitzero"`

	// Whether the tasks right downstream of it in the run before must have ended well, too.
	WaitForDownstream *bool `json:"wait_for_downstream,omitzero"`

	// Own weight; what is claimed first follows from the weight rule.
	PriorityWeight *int64 `json:"priority_weight,omitzero"`

	// How the effective priority follows; downstream when absent.
	WeightRule *WeightRule `json:"weight_rule,omitzero"`

	// Pool whose slots it needs; default_pool when absent.
	Pool *PoolName `json:"pool,omitzero"`

	// Slots that it needs.
	PoolSlots *int64 `json:"pool_slots,omitzero"`

	// Instances of the task that may be active at once over all runs.
	MaxActiveTisPerDag *int64 `json:"max_active_tis_per_dag,omitzero"`

	// Instances of the task that may be active at once in one run.
	MaxActiveTisPerDagrun *int64 `json:"max_active_tis_per_dagrun,omitzero"`

	// Whether it is a setup task.
	IsSetup *bool `json:"is_setup,omitzero"`

	// Whether it is a teardown task.
	IsTeardown *bool `json:"is_teardown,omitzero"`

	// Whether a failed teardown fails its run.
	OnFailureFailDagrun *bool `json:"on_failure_fail_dagrun,omitzero"`

	// Operating-system user that its code runs as.
	RunAsUser *string `json:"run_as_user,omitzero"`

	// First logical date that the task is for.
	StartDate *time.Time `json:"start_date,omitzero"`

	// Last logical date that the task is for.
	EndDate *time.Time `json:"end_date,omitzero"`

	// Documentation in plain text.
	Doc *string `json:"doc,omitzero"`

	// Documentation in JSON.
	DocJSON *string `json:"doc_json,omitzero"`

	// Documentation in YAML.
	DocYaml *string `json:"doc_yaml,omitzero"`

	// Documentation in reStructuredText.
	DocRst *string `json:"doc_rst,omitzero"`
}

// RetryBackoffOrDefault is the value that an absent retry_backoff stands for, or the one given.
func (v SerializedTask) RetryBackoffOrDefault() float64 {
	return orDefault(v.RetryBackoff, 1)
}

// DependsOnPastOrDefault is the value that an absent depends_on_past stands for, or the one given.
func (v SerializedTask) DependsOnPastOrDefault() bool {
	return orDefault(v.DependsOnPast, false)
}

// IgnoreFirstDependsOnPastOrDefault is the value that an absent ignore_first_depends_on_past stands for, or the one given.
func (v SerializedTask) IgnoreFirstDependsOnPastOrDefault() bool {
	return orDefault(v.IgnoreFirstDependsOnPast, true)
}

// WaitForPastDependsBeforeSkippingOrDefault is the value that an absent wait_for_past_depends_before_skipping stands for, or the one given.
func (v SerializedTask) WaitForPastDependsBeforeSkippingOrDefault() bool {
	return orDefault(v.WaitForPastDependsBeforeSkipping, false)
}

// WaitForDownstreamOrDefault is the value that an absent wait_for_downstream stands for, or the one given.
func (v SerializedTask) WaitForDownstreamOrDefault() bool {
	return orDefault(v.WaitForDownstream, false)
}

// PriorityWeightOrDefault is the value that an absent priority_weight stands for, or the one given.
func (v SerializedTask) PriorityWeightOrDefault() int64 {
	return orDefault(v.PriorityWeight, 1)
}

// PoolSlotsOrDefault is the value that an absent pool_slots stands for, or the one given.
func (v SerializedTask) PoolSlotsOrDefault() int64 {
	return orDefault(v.PoolSlots, 1)
}

// IsSetupOrDefault is the value that an absent is_setup stands for, or the one given.
func (v SerializedTask) IsSetupOrDefault() bool {
	return orDefault(v.IsSetup, false)
}

// IsTeardownOrDefault is the value that an absent is_teardown stands for, or the one given.
func (v SerializedTask) IsTeardownOrDefault() bool {
	return orDefault(v.IsTeardown, false)
}

// OnFailureFailDagrunOrDefault is the value that an absent on_failure_fail_dagrun stands for, or the one given.
func (v SerializedTask) OnFailureFailDagrunOrDefault() bool {
	return orDefault(v.OnFailureFailDagrun, false)
}

var checksSerializedTask = object("SerializedTask").needs("task_id", "operator", "operator_module", "upstream", "trigger_rule", "retries", "retry_delay_seconds", "queue", "isolation", "on_cut", "owner").elements("upstream")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SerializedTask) UnmarshalJSON(data []byte) error {
	type plain SerializedTask
	if err := checksSerializedTask.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v SerializedTask) MarshalJSON() ([]byte, error) {
	type plain SerializedTask
	if v.Upstream == nil {
		v.Upstream = []TaskID{}
	}
	return json.Marshal(plain(v))
}

// SerializedDag: One DAG as declared in its file.
type SerializedDag struct {
	DagID DagID `json:"dag_id"`

	// One line about the DAG.
	Description *string `json:"description,omitzero"`

	// Documentation in Markdown.
	DocMd *string `json:"doc_md,omitzero"`

	// Labels for searching, sorted.
	Tags []string `json:"tags"`

	// Line of the file where the DAG is declared.
	Line *int64 `json:"line,omitzero"`

	// Runs of this DAG that may be running at once.
	MaxActiveRuns int64 `json:"max_active_runs"`

	// What all tasks of the DAG declare.
	Grants *Grants `json:"grants,omitzero"`

	// Tasks in topological order.
	Tasks []SerializedTask `json:"tasks"`

	// Labels of edges, sorted by upstream and downstream.
	EdgeLabels []EdgeLabel `json:"edge_labels,omitzero"`

	// Name for people; the DAG id when absent.
	DisplayName *string `json:"display_name,omitzero"`

	// When runs come due; absent for a DAG that is only triggered.
	Timetable *Timetable `json:"timetable,omitzero"`

	// Runs are scheduled for moments from here on.
	StartDate *time.Time `json:"start_date,omitzero"`

	// Runs are scheduled for moments up to here.
	EndDate *time.Time `json:"end_date,omitzero"`

	// Name in the IANA time zone database.
	Timezone *string `json:"timezone,omitzero"`

	// Whether moments that passed unscheduled have runs, too.
	Catchup *bool `json:"catchup,omitzero"`

	// Task instances that may be active at once in one run.
	MaxActiveTasks *int64 `json:"max_active_tasks,omitzero"`

	// Failed runs in a row after which the DAG is paused; 0 for never.
	MaxConsecutiveFailedDagRuns *int64 `json:"max_consecutive_failed_dag_runs,omitzero"`

	// Time after which a run is ended as failed.
	DagrunTimeoutSeconds *float64 `json:"dagrun_timeout_seconds,omitzero"`

	// Whether the first failed task ends the run.
	FailFast *bool `json:"fail_fast,omitzero"`

	// Whether the DAG is paused when it is first seen; the deployment's default when absent.
	PausedUponCreation *bool `json:"paused_upon_creation,omitzero"`

	// Parameters by name.
	Params map[string]SerializedParam `json:"params,omitzero"`

	// Groups, outer ones first.
	TaskGroups []SerializedTaskGroup `json:"task_groups,omitzero"`

	// Owner to URL.
	OwnerLinks map[string]string `json:"owner_links,omitzero"`
}

// CatchupOrDefault is the value that an absent catchup stands for, or the one given.
func (v SerializedDag) CatchupOrDefault() bool {
	return orDefault(v.Catchup, false)
}

// MaxConsecutiveFailedDagRunsOrDefault is the value that an absent max_consecutive_failed_dag_runs stands for, or the one given.
func (v SerializedDag) MaxConsecutiveFailedDagRunsOrDefault() int64 {
	return orDefault(v.MaxConsecutiveFailedDagRuns, 0)
}

// FailFastOrDefault is the value that an absent fail_fast stands for, or the one given.
func (v SerializedDag) FailFastOrDefault() bool {
	return orDefault(v.FailFast, false)
}

var checksSerializedDag = object("SerializedDag").needs("dag_id", "tags", "max_active_runs", "tasks").elements("tags", "tasks", "edge_labels", "params", "task_groups", "owner_links")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SerializedDag) UnmarshalJSON(data []byte) error {
	type plain SerializedDag
	if err := checksSerializedDag.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v SerializedDag) MarshalJSON() ([]byte, error) {
	type plain SerializedDag
	if v.Tags == nil {
		v.Tags = []string{}
	}
	if v.Tasks == nil {
		v.Tasks = []SerializedTask{}
	}
	return json.Marshal(plain(v))
}

// EdgeLabel: Words on the edge between two tasks.
type EdgeLabel struct {
	Upstream TaskID `json:"upstream"`

	Downstream TaskID `json:"downstream"`

	Label string `json:"label"`
}

var checksEdgeLabel = object("EdgeLabel").needs("upstream", "downstream", "label")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *EdgeLabel) UnmarshalJSON(data []byte) error {
	type plain EdgeLabel
	if err := checksEdgeLabel.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// DagImportError: Why a DAG file gave no DAGs.
type DagImportError struct {
	File FilePath `json:"file"`

	// Line of that file, when one is to blame.
	Line *int64 `json:"line,omitzero"`

	// Class name of the exception.
	Type string `json:"type"`

	// What went wrong and what to do.
	Message string `json:"message"`

	// The whole traceback.
	Traceback *string `json:"traceback,omitzero"`
}

var checksDagImportError = object("DagImportError").needs("file", "type", "message")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *DagImportError) UnmarshalJSON(data []byte) error {
	type plain DagImportError
	if err := checksDagImportError.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// Delta: A span of calendar months and of time.
type Delta struct {
	// Whole months, added first.
	Months int64 `json:"months"`

	// Time, added last.
	Seconds float64 `json:"seconds"`
}

var checksDelta = object("Delta").needs("months", "seconds")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Delta) UnmarshalJSON(data []byte) error {
	type plain Delta
	if err := checksDelta.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// OnceTimetable: One run, as soon as possible.
type OnceTimetable struct{}

var checksOnceTimetable = object("OnceTimetable").tagged("timetable", "once")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *OnceTimetable) UnmarshalJSON(data []byte) error {
	type plain OnceTimetable
	if err := checksOnceTimetable.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v OnceTimetable) MarshalJSON() ([]byte, error) {
	type plain OnceTimetable
	return json.Marshal(struct {
		Tag string `json:"timetable"`
		plain
	}{"once", plain(v)})
}

// ContinuousTimetable: A run after each run, one at a time.
type ContinuousTimetable struct{}

var checksContinuousTimetable = object("ContinuousTimetable").tagged("timetable", "continuous")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *ContinuousTimetable) UnmarshalJSON(data []byte) error {
	type plain ContinuousTimetable
	if err := checksContinuousTimetable.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v ContinuousTimetable) MarshalJSON() ([]byte, error) {
	type plain ContinuousTimetable
	return json.Marshal(struct {
		Tag string `json:"timetable"`
		plain
	}{"continuous", plain(v)})
}

// CronTriggerTimetable: A run at each moment of one or several cron expressions.
type CronTriggerTimetable struct {
	// The expressions; a moment of several of them is one run.
	Crons []string `json:"crons"`

	// Name in the IANA time zone database.
	Timezone string `json:"timezone"`

	// Length of the data interval that ends at the moment; none when absent.
	Interval *Delta `json:"interval,omitzero"`

	// Whether the last moment before the DAG was first scheduled has a run without catch-up.
	RunImmediately *bool `json:"run_immediately,omitzero"`

	// The same, if that moment is not longer ago than this.
	RunImmediatelySeconds *float64 `json:"run_immediately_seconds,omitzero"`
}

// RunImmediatelyOrDefault is the value that an absent run_immediately stands for, or the one given.
func (v CronTriggerTimetable) RunImmediatelyOrDefault() bool {
	return orDefault(v.RunImmediately, false)
}

var checksCronTriggerTimetable = object("CronTriggerTimetable").tagged("timetable", "cron_trigger").needs("crons", "timezone").elements("crons")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *CronTriggerTimetable) UnmarshalJSON(data []byte) error {
	type plain CronTriggerTimetable
	if err := checksCronTriggerTimetable.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v CronTriggerTimetable) MarshalJSON() ([]byte, error) {
	type plain CronTriggerTimetable
	if v.Crons == nil {
		v.Crons = []string{}
	}
	return json.Marshal(struct {
		Tag string `json:"timetable"`
		plain
	}{"cron_trigger", plain(v)})
}

// CronDataIntervalTimetable: A run at the end of each interval between two moments of a cron expression.
type CronDataIntervalTimetable struct {
	// Five fields, or a preset such as @daily.
	Cron string `json:"cron"`

	// Name in the IANA time zone database.
	Timezone string `json:"timezone"`
}

var checksCronDataIntervalTimetable = object("CronDataIntervalTimetable").tagged("timetable", "cron_data_interval").needs("cron", "timezone")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *CronDataIntervalTimetable) UnmarshalJSON(data []byte) error {
	type plain CronDataIntervalTimetable
	if err := checksCronDataIntervalTimetable.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v CronDataIntervalTimetable) MarshalJSON() ([]byte, error) {
	type plain CronDataIntervalTimetable
	return json.Marshal(struct {
		Tag string `json:"timetable"`
		plain
	}{"cron_data_interval", plain(v)})
}

// DeltaTriggerTimetable: A run each time a span has passed since the start date or the run before.
type DeltaTriggerTimetable struct {
	Delta Delta `json:"delta"`

	// Length of the data interval that ends at the moment; none when absent.
	Interval *Delta `json:"interval,omitzero"`
}

var checksDeltaTriggerTimetable = object("DeltaTriggerTimetable").tagged("timetable", "delta_trigger").needs("delta")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *DeltaTriggerTimetable) UnmarshalJSON(data []byte) error {
	type plain DeltaTriggerTimetable
	if err := checksDeltaTriggerTimetable.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v DeltaTriggerTimetable) MarshalJSON() ([]byte, error) {
	type plain DeltaTriggerTimetable
	return json.Marshal(struct {
		Tag string `json:"timetable"`
		plain
	}{"delta_trigger", plain(v)})
}

// DeltaDataIntervalTimetable: A run at the end of each interval of this length.
type DeltaDataIntervalTimetable struct {
	Delta Delta `json:"delta"`
}

var checksDeltaDataIntervalTimetable = object("DeltaDataIntervalTimetable").tagged("timetable", "delta_data_interval").needs("delta")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *DeltaDataIntervalTimetable) UnmarshalJSON(data []byte) error {
	type plain DeltaDataIntervalTimetable
	if err := checksDeltaDataIntervalTimetable.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v DeltaDataIntervalTimetable) MarshalJSON() ([]byte, error) {
	type plain DeltaDataIntervalTimetable
	return json.Marshal(struct {
		Tag string `json:"timetable"`
		plain
	}{"delta_data_interval", plain(v)})
}

// Timetable: When runs of a DAG come due.
type Timetable struct {
	Value TimetableVariant
}

// TimetableVariant is one of OnceTimetable, ContinuousTimetable, CronTriggerTimetable, CronDataIntervalTimetable, DeltaTriggerTimetable, DeltaDataIntervalTimetable.
type TimetableVariant interface {
	isTimetable()
}

func (OnceTimetable) isTimetable() {}

func (ContinuousTimetable) isTimetable() {}

func (CronTriggerTimetable) isTimetable() {}

func (CronDataIntervalTimetable) isTimetable() {}

func (DeltaTriggerTimetable) isTimetable() {}

func (DeltaDataIntervalTimetable) isTimetable() {}

// UnmarshalJSON chooses the variant by timetable.
func (u *Timetable) UnmarshalJSON(data []byte) error {
	tag, err := readTag("Timetable", "timetable", data)
	if err != nil {
		return err
	}
	switch tag {
	case "once":
		u.Value, err = decodeAs[OnceTimetable](data)
	case "continuous":
		u.Value, err = decodeAs[ContinuousTimetable](data)
	case "cron_trigger":
		u.Value, err = decodeAs[CronTriggerTimetable](data)
	case "cron_data_interval":
		u.Value, err = decodeAs[CronDataIntervalTimetable](data)
	case "delta_trigger":
		u.Value, err = decodeAs[DeltaTriggerTimetable](data)
	case "delta_data_interval":
		u.Value, err = decodeAs[DeltaDataIntervalTimetable](data)
	default:
		err = unknownTag("Timetable", "timetable", tag)
	}
	return err
}

// MarshalJSON writes the variant with its tag.
func (u Timetable) MarshalJSON() ([]byte, error) {
	return encodeVariant("Timetable", u.Value)
}

// SerializedParam: A parameter of a DAG's runs.
type SerializedParam struct {
	// Default; absent for a parameter that every trigger must give.
	Value JSONValue `json:"value,omitzero"`

	// JSON Schema 2020-12 that the value must meet.
	JSONSchema map[string]JSONValue `json:"json_schema"`

	// What it is for.
	Description *string `json:"description,omitzero"`
}

var checksSerializedParam = object("SerializedParam").needs("json_schema")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SerializedParam) UnmarshalJSON(data []byte) error {
	type plain SerializedParam
	if err := checksSerializedParam.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v SerializedParam) MarshalJSON() ([]byte, error) {
	type plain SerializedParam
	if v.JSONSchema == nil {
		v.JSONSchema = map[string]JSONValue{}
	}
	return json.Marshal(plain(v))
}

// SerializedTaskGroup: A task group, for people: its order is in the tasks.
type SerializedTaskGroup struct {
	GroupID TaskID `json:"group_id"`

	// Group around it; absent at the top.
	Parent *TaskID `json:"parent,omitzero"`

	// Name for people; the last part of the id when absent.
	DisplayName *string `json:"display_name,omitzero"`

	// Words about it.
	Tooltip *string `json:"tooltip,omitzero"`

	// Documentation in Markdown.
	DocMd *string `json:"doc_md,omitzero"`

	// CSS color of the box.
	UiColor *string `json:"ui_color,omitzero"`

	// CSS color of the words.
	UiFgcolor *string `json:"ui_fgcolor,omitzero"`
}

var checksSerializedTaskGroup = object("SerializedTaskGroup").needs("group_id")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SerializedTaskGroup) UnmarshalJSON(data []byte) error {
	type plain SerializedTaskGroup
	if err := checksSerializedTaskGroup.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// DagID: Name of a DAG, unique in a deployment.
type DagID = string

// RunID: Name of a DAG run, unique within its DAG.
type RunID = string

// TaskID: Name of a task, unique within its DAG.
type TaskID = string

// MapIndex: Index of a mapped task instance; -1 for a task that is not mapped.
type MapIndex = int64

// TryNumber: 1 for the first try of a task instance.
type TryNumber = int64

// TryID: Identity of one try, the nth execution of a task instance.
type TryID = string

// ParseID: Identity of one parse of a DAG file.
type ParseID = string

// DispatchID: Identity of one handing-out of an activity; it fences every report.
type DispatchID = string

// SessionID: Identity of a worker session.
type SessionID = string

// InstanceID: Identity of one life of a worker process, chosen by the worker at start.
type InstanceID = string

// OperationID: Chosen by the caller of a mutating operation; a repeat with the same value returns the first answer.
type OperationID = string

// QueueName: Queue that a task waits in and that workers serve.
type QueueName = string

// ExecutorName: Name of an executor of the deployment.
type ExecutorName = string

// WorkerName: Name that a worker is enrolled under.
type WorkerName = string

// BundleName: Name of a DAG bundle.
type BundleName = string

// FilePath: Path of a file relative to the root of its bundle, with forward slashes.
type FilePath = string

// Digest: SHA-256 in lower-case hexadecimal.
type Digest = string

// XComKey: Key of an XCom within its task instance.
type XComKey = string

// VariableKey: Key of a variable.
type VariableKey = string

// ConnectionID: Name of a connection.
type ConnectionID = string

// GrantPattern: Exact name, or a prefix followed by one asterisk.
type GrantPattern = string

// ContractVersion: A CalVer version of this contract.
type ContractVersion = string

// JSONValue: Any JSON value. Numbers are finite.
type JSONValue = json.RawMessage

// PoolName: Name of a pool.
type PoolName = string

// VersionInfo: One version of the contract.
type VersionInfo struct {
	Version ContractVersion `json:"version"`

	// Released versions never change.
	Released bool `json:"released"`
}

var checksVersionInfo = object("VersionInfo").needs("version", "released")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *VersionInfo) UnmarshalJSON(data []byte) error {
	type plain VersionInfo
	if err := checksVersionInfo.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// VersionList: Versions and limits on offer; needs no credential.
type VersionList struct {
	Versions []VersionInfo `json:"versions"`

	Newest ContractVersion `json:"newest"`

	ServerVersion string `json:"server_version"`

	// On the server's clock.
	ServerTime time.Time `json:"server_time"`

	// Kinds of activity that this server hands out.
	Kinds []ActivityKind `json:"kinds"`

	MaxFrameBytes int64 `json:"max_frame_bytes"`

	MaxBodyBytes int64 `json:"max_body_bytes"`
}

var checksVersionList = object("VersionList").needs("versions", "newest", "server_version", "server_time", "kinds", "max_frame_bytes", "max_body_bytes").elements("versions", "kinds")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *VersionList) UnmarshalJSON(data []byte) error {
	type plain VersionList
	if err := checksVersionList.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v VersionList) MarshalJSON() ([]byte, error) {
	type plain VersionList
	if v.Versions == nil {
		v.Versions = []VersionInfo{}
	}
	if v.Kinds == nil {
		v.Kinds = []ActivityKind{}
	}
	return json.Marshal(plain(v))
}

// JSONWebKey: Public half of a signing key (RFC 8037).
type JSONWebKey struct {
	Kty string `json:"kty"`

	Crv string `json:"crv"`

	X string `json:"x"`

	Kid string `json:"kid"`

	Alg string `json:"alg"`

	Use string `json:"use"`
}

var checksJSONWebKey = object("JSONWebKey").needs("kty", "crv", "x", "kid", "alg", "use")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *JSONWebKey) UnmarshalJSON(data []byte) error {
	type plain JSONWebKey
	if err := checksJSONWebKey.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// JSONWebKeySet: Public keys that execution tokens are verified with (RFC 7517).
type JSONWebKeySet struct {
	Keys []JSONWebKey `json:"keys"`
}

var checksJSONWebKeySet = object("JSONWebKeySet").needs("keys").elements("keys")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *JSONWebKeySet) UnmarshalJSON(data []byte) error {
	type plain JSONWebKeySet
	if err := checksJSONWebKeySet.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes required collections as empty rather than null.
func (v JSONWebKeySet) MarshalJSON() ([]byte, error) {
	type plain JSONWebKeySet
	if v.Keys == nil {
		v.Keys = []JSONWebKey{}
	}
	return json.Marshal(plain(v))
}

// LogRecord: One line of a task's log.
type LogRecord struct {
	// When it was written.
	Timestamp time.Time `json:"timestamp"`

	Source LogSource `json:"source"`

	Level LogLevel `json:"level"`

	Message string `json:"message"`

	// Name of the logger.
	Logger *string `json:"logger,omitzero"`
}

var checksLogRecord = object("LogRecord").needs("timestamp", "source", "level", "message")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *LogRecord) UnmarshalJSON(data []byte) error {
	type plain LogRecord
	if err := checksLogRecord.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// TaskError: Why a try failed.
type TaskError struct {
	// Class name of the exception, or signal, or exit.
	Type string `json:"type"`

	Message string `json:"message"`

	Traceback *string `json:"traceback,omitzero"`

	// False when the task said that another try is of no use.
	Retryable bool `json:"retryable"`

	// Pause before the next try as the task's retry policy decided it; the declared one when absent.
	RetryDelaySeconds *float64 `json:"retry_delay_seconds,omitzero"`

	// Why the retry policy decided as it did.
	RetryReason *string `json:"retry_reason,omitzero"`
}

var checksTaskError = object("TaskError").needs("type", "message", "retryable")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *TaskError) UnmarshalJSON(data []byte) error {
	type plain TaskError
	if err := checksTaskError.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// TaskSucceeded: The try succeeded.
type TaskSucceeded struct {
	// What report_started says, where the worker left it out because the end came soon.
	Started *Started `json:"started,omitzero"`

	// On the worker's clock.
	StartedAt time.Time `json:"started_at"`

	// On the worker's clock.
	EndedAt time.Time `json:"ended_at"`

	// Return values; the returned value itself has the key return_value.
	Xcoms []XComEntry `json:"xcoms"`

	// Tasks of the run that are not needed.
	Skips []TaskID `json:"skips,omitzero"`
}

var checksTaskSucceeded = object("TaskSucceeded").tagged("outcome", "success").needs("started_at", "ended_at", "xcoms").elements("xcoms", "skips")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *TaskSucceeded) UnmarshalJSON(data []byte) error {
	type plain TaskSucceeded
	if err := checksTaskSucceeded.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v TaskSucceeded) MarshalJSON() ([]byte, error) {
	type plain TaskSucceeded
	if v.Xcoms == nil {
		v.Xcoms = []XComEntry{}
	}
	return json.Marshal(struct {
		Tag string `json:"outcome"`
		plain
	}{"success", plain(v)})
}

// TaskFailed: The try failed.
type TaskFailed struct {
	// What report_started says, where the worker left it out because the end came soon.
	Started *Started `json:"started,omitzero"`

	// On the worker's clock.
	StartedAt *time.Time `json:"started_at,omitzero"`

	// On the worker's clock.
	EndedAt time.Time `json:"ended_at"`

	Error TaskError `json:"error"`
}

var checksTaskFailed = object("TaskFailed").tagged("outcome", "failed").needs("ended_at", "error")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *TaskFailed) UnmarshalJSON(data []byte) error {
	type plain TaskFailed
	if err := checksTaskFailed.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v TaskFailed) MarshalJSON() ([]byte, error) {
	type plain TaskFailed
	return json.Marshal(struct {
		Tag string `json:"outcome"`
		plain
	}{"failed", plain(v)})
}

// TaskSkipped: The try decided that the task is not needed.
type TaskSkipped struct {
	// What report_started says, where the worker left it out because the end came soon.
	Started *Started `json:"started,omitzero"`

	// On the worker's clock.
	StartedAt time.Time `json:"started_at"`

	// On the worker's clock.
	EndedAt time.Time `json:"ended_at"`

	Message *string `json:"message,omitzero"`
}

var checksTaskSkipped = object("TaskSkipped").tagged("outcome", "skipped").needs("started_at", "ended_at")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *TaskSkipped) UnmarshalJSON(data []byte) error {
	type plain TaskSkipped
	if err := checksTaskSkipped.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v TaskSkipped) MarshalJSON() ([]byte, error) {
	type plain TaskSkipped
	return json.Marshal(struct {
		Tag string `json:"outcome"`
		plain
	}{"skipped", plain(v)})
}

// ActivityInterrupted: The worker ended the activity for a reason that is not the activity's own; it is handed out again and counts as no failure.
type ActivityInterrupted struct {
	// What report_started says, where the worker left it out because the end came soon.
	Started *Started `json:"started,omitzero"`

	// On the worker's clock.
	EndedAt time.Time `json:"ended_at"`

	Cause InterruptCause `json:"cause"`

	Message *string `json:"message,omitzero"`
}

var checksActivityInterrupted = object("ActivityInterrupted").tagged("outcome", "interrupted").needs("ended_at", "cause")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *ActivityInterrupted) UnmarshalJSON(data []byte) error {
	type plain ActivityInterrupted
	if err := checksActivityInterrupted.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v ActivityInterrupted) MarshalJSON() ([]byte, error) {
	type plain ActivityInterrupted
	return json.Marshal(struct {
		Tag string `json:"outcome"`
		plain
	}{"interrupted", plain(v)})
}

// FileParsed: The parse ended.
type FileParsed struct {
	// What report_started says, where the worker left it out because the end came soon.
	Started *Started `json:"started,omitzero"`

	// On the worker's clock.
	EndedAt time.Time `json:"ended_at"`

	// Time of the import and the serialization.
	DurationSeconds float64 `json:"duration_seconds"`

	// SHA-256 over the sorted lines `path NUL digest LF` of files_read.
	CodeID Digest `json:"code_id"`

	// Bundle files that the import read, the DAG file among them: path to SHA-256.
	FilesRead map[string]Digest `json:"files_read"`

	Dags []SerializedDag `json:"dags"`

	Error *DagImportError `json:"error,omitzero"`
}

var checksFileParsed = object("FileParsed").tagged("outcome", "parsed").needs("ended_at", "duration_seconds", "code_id", "files_read", "dags").elements("files_read", "dags")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *FileParsed) UnmarshalJSON(data []byte) error {
	type plain FileParsed
	if err := checksFileParsed.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v FileParsed) MarshalJSON() ([]byte, error) {
	type plain FileParsed
	if v.FilesRead == nil {
		v.FilesRead = map[string]Digest{}
	}
	if v.Dags == nil {
		v.Dags = []SerializedDag{}
	}
	return json.Marshal(struct {
		Tag string `json:"outcome"`
		plain
	}{"parsed", plain(v)})
}

// Outcome: How an activity ended.
type Outcome struct {
	Value OutcomeVariant
}

// OutcomeVariant is one of TaskSucceeded, TaskFailed, TaskSkipped, ActivityInterrupted, FileParsed.
type OutcomeVariant interface {
	isOutcome()
}

func (TaskSucceeded) isOutcome() {}

func (TaskFailed) isOutcome() {}

func (TaskSkipped) isOutcome() {}

func (ActivityInterrupted) isOutcome() {}

func (FileParsed) isOutcome() {}

// UnmarshalJSON chooses the variant by outcome.
func (u *Outcome) UnmarshalJSON(data []byte) error {
	tag, err := readTag("Outcome", "outcome", data)
	if err != nil {
		return err
	}
	switch tag {
	case "success":
		u.Value, err = decodeAs[TaskSucceeded](data)
	case "failed":
		u.Value, err = decodeAs[TaskFailed](data)
	case "skipped":
		u.Value, err = decodeAs[TaskSkipped](data)
	case "interrupted":
		u.Value, err = decodeAs[ActivityInterrupted](data)
	case "parsed":
		u.Value, err = decodeAs[FileParsed](data)
	default:
		err = unknownTag("Outcome", "outcome", tag)
	}
	return err
}

// MarshalJSON writes the variant with its tag.
func (u Outcome) MarshalJSON() ([]byte, error) {
	return encodeVariant("Outcome", u.Value)
}

// OutcomeReceipt: The outcome is committed.
type OutcomeReceipt struct {
	DispatchID DispatchID `json:"dispatch_id"`

	// SHA-256 of the outcome as recorded; a repeat of the same outcome gets the same receipt.
	Digest Digest `json:"digest"`

	// On the server's clock.
	RecordedAt time.Time `json:"recorded_at"`
}

var checksOutcomeReceipt = object("OutcomeReceipt").needs("dispatch_id", "digest", "recorded_at")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *OutcomeReceipt) UnmarshalJSON(data []byte) error {
	type plain OutcomeReceipt
	if err := checksOutcomeReceipt.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// ProblemReason: Stable machine word of a refusal.
type ProblemReason string

// Values of ProblemReason.
const (
	ProblemReasonMissingToken       ProblemReason = "missing_token"
	ProblemReasonMalformedToken     ProblemReason = "malformed_token"
	ProblemReasonForgedToken        ProblemReason = "forged_token"
	ProblemReasonExpiredToken       ProblemReason = "expired_token"
	ProblemReasonWrongAudience      ProblemReason = "wrong_audience"
	ProblemReasonUnknownCredential  ProblemReason = "unknown_credential"
	ProblemReasonRevokedCredential  ProblemReason = "revoked_credential"
	ProblemReasonNotAllowed         ProblemReason = "not_allowed"
	ProblemReasonUnknownDispatch    ProblemReason = "unknown_dispatch"
	ProblemReasonDispatchEnded      ProblemReason = "dispatch_ended"
	ProblemReasonWrongActivity      ProblemReason = "wrong_activity"
	ProblemReasonWrongWorker        ProblemReason = "wrong_worker"
	ProblemReasonInvalidTicket      ProblemReason = "invalid_ticket"
	ProblemReasonSpentTicket        ProblemReason = "spent_ticket"
	ProblemReasonStaleConnection    ProblemReason = "stale_connection"
	ProblemReasonMissingField       ProblemReason = "missing_field"
	ProblemReasonUnknownField       ProblemReason = "unknown_field"
	ProblemReasonWrongType          ProblemReason = "wrong_type"
	ProblemReasonInvalidValue       ProblemReason = "invalid_value"
	ProblemReasonMalformedBody      ProblemReason = "malformed_body"
	ProblemReasonBodyTooLarge       ProblemReason = "body_too_large"
	ProblemReasonFrameTooLarge      ProblemReason = "frame_too_large"
	ProblemReasonMalformedFrame     ProblemReason = "malformed_frame"
	ProblemReasonUnexpectedFrame    ProblemReason = "unexpected_frame"
	ProblemReasonUnknownOperation   ProblemReason = "unknown_operation"
	ProblemReasonHTTPOnly           ProblemReason = "http_only"
	ProblemReasonUnsupportedVersion ProblemReason = "unsupported_version"
	ProblemReasonNotFound           ProblemReason = "not_found"
	ProblemReasonAlreadyExists      ProblemReason = "already_exists"
	ProblemReasonConflict           ProblemReason = "conflict"
	ProblemReasonTooBusy            ProblemReason = "too_busy"
	ProblemReasonMethodNotAllowed   ProblemReason = "method_not_allowed"
	ProblemReasonInternalError      ProblemReason = "internal_error"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *ProblemReason) UnmarshalText(text []byte) error {
	return decodeWord(v, "ProblemReason", text, ProblemReasonMissingToken, ProblemReasonMalformedToken, ProblemReasonForgedToken, ProblemReasonExpiredToken, ProblemReasonWrongAudience, ProblemReasonUnknownCredential, ProblemReasonRevokedCredential, ProblemReasonNotAllowed, ProblemReasonUnknownDispatch, ProblemReasonDispatchEnded, ProblemReasonWrongActivity, ProblemReasonWrongWorker, ProblemReasonInvalidTicket, ProblemReasonSpentTicket, ProblemReasonStaleConnection, ProblemReasonMissingField, ProblemReasonUnknownField, ProblemReasonWrongType, ProblemReasonInvalidValue, ProblemReasonMalformedBody, ProblemReasonBodyTooLarge, ProblemReasonFrameTooLarge, ProblemReasonMalformedFrame, ProblemReasonUnexpectedFrame, ProblemReasonUnknownOperation, ProblemReasonHTTPOnly, ProblemReasonUnsupportedVersion, ProblemReasonNotFound, ProblemReasonAlreadyExists, ProblemReasonConflict, ProblemReasonTooBusy, ProblemReasonMethodNotAllowed, ProblemReasonInternalError)
}

// Problem: Why a request was refused (RFC 9457).
type Problem struct {
	// URI of the kind of problem.
	Type string `json:"type"`

	// The reason in words.
	Title string `json:"title"`

	// HTTP status.
	Status int64 `json:"status"`

	// What was wrong with this request.
	Detail string `json:"detail"`

	Reason ProblemReason `json:"reason"`

	// Field or parameter to blame, as a dotted path.
	Field *string `json:"field,omitzero"`

	// What to do about it.
	Action *string `json:"action,omitzero"`

	// Versions on offer, when the version was refused.
	SupportedVersions []ContractVersion `json:"supported_versions,omitzero"`

	// When to try again.
	RetryAfterSeconds *float64 `json:"retry_after_seconds,omitzero"`
}

var checksProblem = object("Problem").needs("type", "title", "status", "detail", "reason").elements("supported_versions")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Problem) UnmarshalJSON(data []byte) error {
	type plain Problem
	if err := checksProblem.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// WaitingForRunStart: The run has not started yet.
type WaitingForRunStart struct {
	RunID RunID `json:"run_id"`
}

var checksWaitingForRunStart = object("WaitingForRunStart").tagged("reason", "waiting_for_run_start").needs("run_id")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForRunStart) UnmarshalJSON(data []byte) error {
	type plain WaitingForRunStart
	if err := checksWaitingForRunStart.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForRunStart) MarshalJSON() ([]byte, error) {
	type plain WaitingForRunStart
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_run_start", plain(v)})
}

// WaitingForRunSlot: As many runs of the DAG are running as it allows.
type WaitingForRunSlot struct {
	ActiveRuns int64 `json:"active_runs"`

	MaxActiveRuns int64 `json:"max_active_runs"`
}

var checksWaitingForRunSlot = object("WaitingForRunSlot").tagged("reason", "waiting_for_run_slot").needs("active_runs", "max_active_runs")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForRunSlot) UnmarshalJSON(data []byte) error {
	type plain WaitingForRunSlot
	if err := checksWaitingForRunSlot.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForRunSlot) MarshalJSON() ([]byte, error) {
	type plain WaitingForRunSlot
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_run_slot", plain(v)})
}

// DagPaused: The DAG is paused.
type DagPaused struct {
	DagID DagID `json:"dag_id"`
}

var checksDagPaused = object("DagPaused").tagged("reason", "dag_paused").needs("dag_id")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *DagPaused) UnmarshalJSON(data []byte) error {
	type plain DagPaused
	if err := checksDagPaused.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v DagPaused) MarshalJSON() ([]byte, error) {
	type plain DagPaused
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"dag_paused", plain(v)})
}

// WaitingForUpstream: Upstream tasks have not ended yet.
type WaitingForUpstream struct {
	// The unfinished ones, sorted; at most twenty.
	Upstream []TaskID `json:"upstream"`

	// How many are unfinished.
	Unfinished int64 `json:"unfinished"`
}

var checksWaitingForUpstream = object("WaitingForUpstream").tagged("reason", "waiting_for_upstream").needs("upstream", "unfinished").elements("upstream")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForUpstream) UnmarshalJSON(data []byte) error {
	type plain WaitingForUpstream
	if err := checksWaitingForUpstream.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForUpstream) MarshalJSON() ([]byte, error) {
	type plain WaitingForUpstream
	if v.Upstream == nil {
		v.Upstream = []TaskID{}
	}
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_upstream", plain(v)})
}

// WaitingForScheduler: Everything is met; the scheduler has not looked yet.
type WaitingForScheduler struct {
	// When the instance last changed.
	Since *time.Time `json:"since,omitzero"`
}

var checksWaitingForScheduler = object("WaitingForScheduler").tagged("reason", "waiting_for_scheduler")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForScheduler) UnmarshalJSON(data []byte) error {
	type plain WaitingForScheduler
	if err := checksWaitingForScheduler.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForScheduler) MarshalJSON() ([]byte, error) {
	type plain WaitingForScheduler
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_scheduler", plain(v)})
}

// NoWorkerForQueue: No connected worker serves the queue.
type NoWorkerForQueue struct {
	Queue QueueName `json:"queue"`

	Kind ActivityKind `json:"kind"`
}

var checksNoWorkerForQueue = object("NoWorkerForQueue").tagged("reason", "no_worker_for_queue").needs("queue", "kind")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *NoWorkerForQueue) UnmarshalJSON(data []byte) error {
	type plain NoWorkerForQueue
	if err := checksNoWorkerForQueue.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v NoWorkerForQueue) MarshalJSON() ([]byte, error) {
	type plain NoWorkerForQueue
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"no_worker_for_queue", plain(v)})
}

// WaitingForCapacity: All workers of the queue are busy.
type WaitingForCapacity struct {
	Queue QueueName `json:"queue"`

	Kind ActivityKind `json:"kind"`
}

var checksWaitingForCapacity = object("WaitingForCapacity").tagged("reason", "waiting_for_capacity").needs("queue", "kind")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForCapacity) UnmarshalJSON(data []byte) error {
	type plain WaitingForCapacity
	if err := checksWaitingForCapacity.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForCapacity) MarshalJSON() ([]byte, error) {
	type plain WaitingForCapacity
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_capacity", plain(v)})
}

// HandedOut: Handed to a worker or broker that has not reported a start.
type HandedOut struct {
	Executor ExecutorName `json:"executor"`

	Worker *WorkerName `json:"worker,omitzero"`

	// When it was handed out.
	Since time.Time `json:"since"`

	// When it counts as lost.
	Deadline *time.Time `json:"deadline,omitzero"`
}

var checksHandedOut = object("HandedOut").tagged("reason", "handed_out").needs("executor", "since")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *HandedOut) UnmarshalJSON(data []byte) error {
	type plain HandedOut
	if err := checksHandedOut.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v HandedOut) MarshalJSON() ([]byte, error) {
	type plain HandedOut
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"handed_out", plain(v)})
}

// Running: A worker runs it.
type Running struct {
	Worker WorkerName `json:"worker"`

	Hostname *string `json:"hostname,omitzero"`

	PID *int64 `json:"pid,omitzero"`

	// When it started.
	Since time.Time `json:"since"`
}

var checksRunning = object("Running").tagged("reason", "running").needs("worker", "since")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Running) UnmarshalJSON(data []byte) error {
	type plain Running
	if err := checksRunning.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Running) MarshalJSON() ([]byte, error) {
	type plain Running
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"running", plain(v)})
}

// WorkerUnreachable: Its worker is silent; it may still be running there.
type WorkerUnreachable struct {
	Worker WorkerName `json:"worker"`

	// When the lease ended.
	Since time.Time `json:"since"`

	// When it counts as lost.
	TakeoverAt time.Time `json:"takeover_at"`
}

var checksWorkerUnreachable = object("WorkerUnreachable").tagged("reason", "worker_unreachable").needs("worker", "since", "takeover_at")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WorkerUnreachable) UnmarshalJSON(data []byte) error {
	type plain WorkerUnreachable
	if err := checksWorkerUnreachable.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WorkerUnreachable) MarshalJSON() ([]byte, error) {
	type plain WorkerUnreachable
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"worker_unreachable", plain(v)})
}

// RetryBackoff: It failed and waits for its next try.
type RetryBackoff struct {
	// When the next try is due.
	Until time.Time `json:"until"`

	// Number of the next try.
	TryNumber TryNumber `json:"try_number"`
}

var checksRetryBackoff = object("RetryBackoff").tagged("reason", "retry_backoff").needs("until", "try_number")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *RetryBackoff) UnmarshalJSON(data []byte) error {
	type plain RetryBackoff
	if err := checksRetryBackoff.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v RetryBackoff) MarshalJSON() ([]byte, error) {
	type plain RetryBackoff
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"retry_backoff", plain(v)})
}

// UpstreamNotMet: It will not run because of its upstream tasks.
type UpstreamNotMet struct {
	// The tasks to blame, sorted; at most twenty.
	Upstream []TaskID `json:"upstream"`

	TriggerRule TriggerRule `json:"trigger_rule"`
}

var checksUpstreamNotMet = object("UpstreamNotMet").tagged("reason", "upstream_not_met").needs("upstream", "trigger_rule").elements("upstream")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *UpstreamNotMet) UnmarshalJSON(data []byte) error {
	type plain UpstreamNotMet
	if err := checksUpstreamNotMet.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v UpstreamNotMet) MarshalJSON() ([]byte, error) {
	type plain UpstreamNotMet
	if v.Upstream == nil {
		v.Upstream = []TaskID{}
	}
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"upstream_not_met", plain(v)})
}

// Ended: It is final and waits for nothing.
type Ended struct {
	State TaskInstanceState `json:"state"`

	// Message of the last error.
	Error *string `json:"error,omitzero"`
}

var checksEnded = object("Ended").tagged("reason", "ended").needs("state")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Ended) UnmarshalJSON(data []byte) error {
	type plain Ended
	if err := checksEnded.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Ended) MarshalJSON() ([]byte, error) {
	type plain Ended
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"ended", plain(v)})
}

// Reason: Why a task instance or run is where it is.
type Reason struct {
	Value ReasonVariant
}

// ReasonVariant is one of WaitingForRunStart, WaitingForRunSlot, DagPaused, WaitingForUpstream, WaitingForScheduler, NoWorkerForQueue, WaitingForCapacity, HandedOut, Running, WorkerUnreachable, RetryBackoff, UpstreamNotMet, Ended, WaitingForRunAfter, WaitingForPoolSlots, UnknownPool, WaitingForActiveTasks, WaitingForTaskInstances, WaitingForPast, WaitingForOldTry, SkippedByTask, OutsideOfDates, RunEnded, Marked.
type ReasonVariant interface {
	isReason()
}

func (WaitingForRunStart) isReason() {}

func (WaitingForRunSlot) isReason() {}

func (DagPaused) isReason() {}

func (WaitingForUpstream) isReason() {}

func (WaitingForScheduler) isReason() {}

func (NoWorkerForQueue) isReason() {}

func (WaitingForCapacity) isReason() {}

func (HandedOut) isReason() {}

func (Running) isReason() {}

func (WorkerUnreachable) isReason() {}

func (RetryBackoff) isReason() {}

func (UpstreamNotMet) isReason() {}

func (Ended) isReason() {}

func (WaitingForRunAfter) isReason() {}

func (WaitingForPoolSlots) isReason() {}

func (UnknownPool) isReason() {}

func (WaitingForActiveTasks) isReason() {}

func (WaitingForTaskInstances) isReason() {}

func (WaitingForPast) isReason() {}

func (WaitingForOldTry) isReason() {}

func (SkippedByTask) isReason() {}

func (OutsideOfDates) isReason() {}

func (RunEnded) isReason() {}

func (Marked) isReason() {}

// UnmarshalJSON chooses the variant by reason.
func (u *Reason) UnmarshalJSON(data []byte) error {
	tag, err := readTag("Reason", "reason", data)
	if err != nil {
		return err
	}
	switch tag {
	case "waiting_for_run_start":
		u.Value, err = decodeAs[WaitingForRunStart](data)
	case "waiting_for_run_slot":
		u.Value, err = decodeAs[WaitingForRunSlot](data)
	case "dag_paused":
		u.Value, err = decodeAs[DagPaused](data)
	case "waiting_for_upstream":
		u.Value, err = decodeAs[WaitingForUpstream](data)
	case "waiting_for_scheduler":
		u.Value, err = decodeAs[WaitingForScheduler](data)
	case "no_worker_for_queue":
		u.Value, err = decodeAs[NoWorkerForQueue](data)
	case "waiting_for_capacity":
		u.Value, err = decodeAs[WaitingForCapacity](data)
	case "handed_out":
		u.Value, err = decodeAs[HandedOut](data)
	case "running":
		u.Value, err = decodeAs[Running](data)
	case "worker_unreachable":
		u.Value, err = decodeAs[WorkerUnreachable](data)
	case "retry_backoff":
		u.Value, err = decodeAs[RetryBackoff](data)
	case "upstream_not_met":
		u.Value, err = decodeAs[UpstreamNotMet](data)
	case "ended":
		u.Value, err = decodeAs[Ended](data)
	case "waiting_for_run_after":
		u.Value, err = decodeAs[WaitingForRunAfter](data)
	case "waiting_for_pool_slots":
		u.Value, err = decodeAs[WaitingForPoolSlots](data)
	case "unknown_pool":
		u.Value, err = decodeAs[UnknownPool](data)
	case "waiting_for_active_tasks":
		u.Value, err = decodeAs[WaitingForActiveTasks](data)
	case "waiting_for_task_instances":
		u.Value, err = decodeAs[WaitingForTaskInstances](data)
	case "waiting_for_past":
		u.Value, err = decodeAs[WaitingForPast](data)
	case "waiting_for_old_try":
		u.Value, err = decodeAs[WaitingForOldTry](data)
	case "skipped_by_task":
		u.Value, err = decodeAs[SkippedByTask](data)
	case "outside_of_dates":
		u.Value, err = decodeAs[OutsideOfDates](data)
	case "run_ended":
		u.Value, err = decodeAs[RunEnded](data)
	case "marked":
		u.Value, err = decodeAs[Marked](data)
	default:
		err = unknownTag("Reason", "reason", tag)
	}
	return err
}

// MarshalJSON writes the variant with its tag.
func (u Reason) MarshalJSON() ([]byte, error) {
	return encodeVariant("Reason", u.Value)
}

// WaitingForRunAfter: The run is not due yet.
type WaitingForRunAfter struct {
	// When it is due.
	Until time.Time `json:"until"`
}

var checksWaitingForRunAfter = object("WaitingForRunAfter").tagged("reason", "waiting_for_run_after").needs("until")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForRunAfter) UnmarshalJSON(data []byte) error {
	type plain WaitingForRunAfter
	if err := checksWaitingForRunAfter.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForRunAfter) MarshalJSON() ([]byte, error) {
	type plain WaitingForRunAfter
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_run_after", plain(v)})
}

// WaitingForPoolSlots: The pool has too few free slots.
type WaitingForPoolSlots struct {
	Pool PoolName `json:"pool"`

	// Slots of the pool; -1 for any number.
	Slots int64 `json:"slots"`

	// Slots in use.
	Used int64 `json:"used"`

	// Slots that it needs.
	Needed int64 `json:"needed"`
}

var checksWaitingForPoolSlots = object("WaitingForPoolSlots").tagged("reason", "waiting_for_pool_slots").needs("pool", "slots", "used", "needed")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForPoolSlots) UnmarshalJSON(data []byte) error {
	type plain WaitingForPoolSlots
	if err := checksWaitingForPoolSlots.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForPoolSlots) MarshalJSON() ([]byte, error) {
	type plain WaitingForPoolSlots
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_pool_slots", plain(v)})
}

// UnknownPool: The pool does not exist.
type UnknownPool struct {
	Pool PoolName `json:"pool"`
}

var checksUnknownPool = object("UnknownPool").tagged("reason", "unknown_pool").needs("pool")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *UnknownPool) UnmarshalJSON(data []byte) error {
	type plain UnknownPool
	if err := checksUnknownPool.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v UnknownPool) MarshalJSON() ([]byte, error) {
	type plain UnknownPool
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"unknown_pool", plain(v)})
}

// WaitingForActiveTasks: As many task instances of the run are active as its DAG allows.
type WaitingForActiveTasks struct {
	Active int64 `json:"active"`

	MaxActiveTasks int64 `json:"max_active_tasks"`
}

var checksWaitingForActiveTasks = object("WaitingForActiveTasks").tagged("reason", "waiting_for_active_tasks").needs("active", "max_active_tasks")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForActiveTasks) UnmarshalJSON(data []byte) error {
	type plain WaitingForActiveTasks
	if err := checksWaitingForActiveTasks.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForActiveTasks) MarshalJSON() ([]byte, error) {
	type plain WaitingForActiveTasks
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_active_tasks", plain(v)})
}

// WaitingForTaskInstances: As many instances of the task are active as it allows.
type WaitingForTaskInstances struct {
	Active int64 `json:"active"`

	// The declared limit.
	Limit int64 `json:"limit"`

	// Whether the limit holds for each run, or for all runs together.
	WithinRun bool `json:"within_run"`
}

var checksWaitingForTaskInstances = object("WaitingForTaskInstances").tagged("reason", "waiting_for_task_instances").needs("active", "limit", "within_run")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForTaskInstances) UnmarshalJSON(data []byte) error {
	type plain WaitingForTaskInstances
	if err := checksWaitingForTaskInstances.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForTaskInstances) MarshalJSON() ([]byte, error) {
	type plain WaitingForTaskInstances
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_task_instances", plain(v)})
}

// WaitingForPast: The run before has not ended well for this task.
type WaitingForPast struct {
	// The run before.
	RunID RunID `json:"run_id"`

	// The task there that is in the way.
	TaskID TaskID `json:"task_id"`

	State TaskInstanceState `json:"state"`
}

var checksWaitingForPast = object("WaitingForPast").tagged("reason", "waiting_for_past").needs("run_id", "task_id", "state")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForPast) UnmarshalJSON(data []byte) error {
	type plain WaitingForPast
	if err := checksWaitingForPast.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForPast) MarshalJSON() ([]byte, error) {
	type plain WaitingForPast
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_past", plain(v)})
}

// WaitingForOldTry: An older try was stopped and is not known to have ended.
type WaitingForOldTry struct {
	Worker *WorkerName `json:"worker,omitzero"`

	// When it was stopped.
	Since time.Time `json:"since"`

	// When it counts as ended without further sign.
	TakeoverAt *time.Time `json:"takeover_at,omitzero"`
}

var checksWaitingForOldTry = object("WaitingForOldTry").tagged("reason", "waiting_for_old_try").needs("since")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *WaitingForOldTry) UnmarshalJSON(data []byte) error {
	type plain WaitingForOldTry
	if err := checksWaitingForOldTry.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v WaitingForOldTry) MarshalJSON() ([]byte, error) {
	type plain WaitingForOldTry
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"waiting_for_old_try", plain(v)})
}

// SkippedByTask: A task decided that it is not needed.
type SkippedByTask struct {
	// The task that decided.
	TaskID TaskID `json:"task_id"`
}

var checksSkippedByTask = object("SkippedByTask").tagged("reason", "skipped_by_task").needs("task_id")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *SkippedByTask) UnmarshalJSON(data []byte) error {
	type plain SkippedByTask
	if err := checksSkippedByTask.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v SkippedByTask) MarshalJSON() ([]byte, error) {
	type plain SkippedByTask
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"skipped_by_task", plain(v)})
}

// OutsideOfDates: The logical date is outside of the task's start and end dates.
type OutsideOfDates struct {
	// The logical date of the run.
	LogicalDate time.Time `json:"logical_date"`
}

var checksOutsideOfDates = object("OutsideOfDates").tagged("reason", "outside_of_dates").needs("logical_date")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *OutsideOfDates) UnmarshalJSON(data []byte) error {
	type plain OutsideOfDates
	if err := checksOutsideOfDates.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v OutsideOfDates) MarshalJSON() ([]byte, error) {
	type plain OutsideOfDates
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"outside_of_dates", plain(v)})
}

// RunEnded: Its run ended before it.
type RunEnded struct {
	Cause RunEndCause `json:"cause"`

	// The task whose failure ended the run.
	TaskID *TaskID `json:"task_id,omitzero"`
}

var checksRunEnded = object("RunEnded").tagged("reason", "run_ended").needs("cause")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *RunEnded) UnmarshalJSON(data []byte) error {
	type plain RunEnded
	if err := checksRunEnded.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v RunEnded) MarshalJSON() ([]byte, error) {
	type plain RunEnded
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"run_ended", plain(v)})
}

// Marked: Somebody set its state by hand.
type Marked struct {
	State TaskInstanceState `json:"state"`

	// Name of the credential.
	User *string `json:"user,omitzero"`

	// When.
	At time.Time `json:"at"`
}

var checksMarked = object("Marked").tagged("reason", "marked").needs("state", "at")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Marked) UnmarshalJSON(data []byte) error {
	type plain Marked
	if err := checksMarked.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Marked) MarshalJSON() ([]byte, error) {
	type plain Marked
	return json.Marshal(struct {
		Tag string `json:"reason"`
		plain
	}{"marked", plain(v)})
}

// Hello: First frame of a connection, from the worker.
type Hello struct {
	APIVersion ContractVersion `json:"api_version"`

	SDKVersion string `json:"sdk_version"`

	Language string `json:"language"`

	InstanceID InstanceID `json:"instance_id"`

	Hostname string `json:"hostname"`

	PID int64 `json:"pid"`

	// Queues that the worker serves.
	Queues []QueueName `json:"queues"`

	// Kind of activity to how many may run at once.
	Capacity map[string]int64 `json:"capacity"`

	// Dispatches that the worker has and runs.
	Live []DispatchID `json:"live"`

	// Dispatches whose outcome waits to be delivered.
	Spooled []DispatchID `json:"spooled"`

	// Earlier lives of this worker that are known to have ended, with everything that they ran.
	EndedInstances []InstanceID `json:"ended_instances"`
}

var checksHello = object("Hello").tagged("frame", "hello").needs("api_version", "sdk_version", "language", "instance_id", "hostname", "pid", "queues", "capacity", "live", "spooled", "ended_instances").elements("queues", "capacity", "live", "spooled", "ended_instances")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Hello) UnmarshalJSON(data []byte) error {
	type plain Hello
	if err := checksHello.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Hello) MarshalJSON() ([]byte, error) {
	type plain Hello
	if v.Queues == nil {
		v.Queues = []QueueName{}
	}
	if v.Capacity == nil {
		v.Capacity = map[string]int64{}
	}
	if v.Live == nil {
		v.Live = []DispatchID{}
	}
	if v.Spooled == nil {
		v.Spooled = []DispatchID{}
	}
	if v.EndedInstances == nil {
		v.EndedInstances = []InstanceID{}
	}
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"hello", plain(v)})
}

// Welcome: Answer to hello.
type Welcome struct {
	SessionID SessionID `json:"session_id"`

	// Raised by each connection of the worker; frames of an older one are refused.
	ConnectionEpoch int64 `json:"connection_epoch"`

	Worker WorkerName `json:"worker"`

	LeaseSeconds float64 `json:"lease_seconds"`

	RenewEverySeconds float64 `json:"renew_every_seconds"`

	MaxFrameBytes int64 `json:"max_frame_bytes"`

	MaxBodyBytes int64 `json:"max_body_bytes"`

	// On the server's clock.
	ServerTime time.Time `json:"server_time"`

	// Announced dispatches that are not live any more; the worker kills them and drops their outcome.
	Ended []DispatchID `json:"ended"`
}

var checksWelcome = object("Welcome").tagged("frame", "welcome").needs("session_id", "connection_epoch", "worker", "lease_seconds", "renew_every_seconds", "max_frame_bytes", "max_body_bytes", "server_time", "ended").elements("ended")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Welcome) UnmarshalJSON(data []byte) error {
	type plain Welcome
	if err := checksWelcome.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Welcome) MarshalJSON() ([]byte, error) {
	type plain Welcome
	if v.Ended == nil {
		v.Ended = []DispatchID{}
	}
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"welcome", plain(v)})
}

// Refused: The server refuses the connection or a frame and closes.
type Refused struct {
	Problem Problem `json:"problem"`
}

var checksRefused = object("Refused").tagged("frame", "refused").needs("problem")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Refused) UnmarshalJSON(data []byte) error {
	type plain Refused
	if err := checksRefused.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Refused) MarshalJSON() ([]byte, error) {
	type plain Refused
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"refused", plain(v)})
}

// Deliver: Push of an activity.
type Deliver struct {
	Delivery Delivery `json:"delivery"`
}

var checksDeliver = object("Deliver").tagged("frame", "deliver").needs("delivery")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Deliver) UnmarshalJSON(data []byte) error {
	type plain Deliver
	if err := checksDeliver.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Deliver) MarshalJSON() ([]byte, error) {
	type plain Deliver
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"deliver", plain(v)})
}

// Cancel: The dispatch may not act any more: kill it and report it as interrupted, cause cancelled, so that its end is known.
type Cancel struct {
	DispatchID DispatchID `json:"dispatch_id"`

	Message string `json:"message"`
}

var checksCancel = object("Cancel").tagged("frame", "cancel").needs("dispatch_id", "message")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Cancel) UnmarshalJSON(data []byte) error {
	type plain Cancel
	if err := checksCancel.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Cancel) MarshalJSON() ([]byte, error) {
	type plain Cancel
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"cancel", plain(v)})
}

// Offer: The worker's capacity changed; zero stops further deliveries.
type Offer struct {
	// Kind of activity to how many may run at once.
	Capacity map[string]int64 `json:"capacity"`
}

var checksOffer = object("Offer").tagged("frame", "offer").needs("capacity").elements("capacity")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Offer) UnmarshalJSON(data []byte) error {
	type plain Offer
	if err := checksOffer.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Offer) MarshalJSON() ([]byte, error) {
	type plain Offer
	if v.Capacity == nil {
		v.Capacity = map[string]int64{}
	}
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"offer", plain(v)})
}

// Request: Call of an operation over a connection that is already open.
type Request struct {
	// Unique on the connection.
	RequestID int64 `json:"request_id"`

	// Id of the operation.
	Operation string `json:"operation"`

	// Path and query parameters.
	Parameters map[string]string `json:"parameters"`

	// Execution token, for operations that act for an activity.
	Token *string `json:"token,omitzero"`

	// Body of a JSON operation.
	Body JSONValue `json:"body,omitzero"`

	// Body of an operation with another media type.
	Text *string `json:"text,omitzero"`
}

var checksRequest = object("Request").tagged("frame", "request").needs("request_id", "operation", "parameters").elements("parameters")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Request) UnmarshalJSON(data []byte) error {
	type plain Request
	if err := checksRequest.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Request) MarshalJSON() ([]byte, error) {
	type plain Request
	if v.Parameters == nil {
		v.Parameters = map[string]string{}
	}
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"request", plain(v)})
}

// Response: Answer to a request; a refusal has a problem as its body.
type Response struct {
	RequestID int64 `json:"request_id"`

	// As the HTTP status of the operation.
	Status int64 `json:"status"`

	Body JSONValue `json:"body,omitzero"`
}

var checksResponse = object("Response").tagged("frame", "response").needs("request_id", "status")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Response) UnmarshalJSON(data []byte) error {
	type plain Response
	if err := checksResponse.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Response) MarshalJSON() ([]byte, error) {
	type plain Response
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"response", plain(v)})
}

// WorkerFrame: Frame from a worker.
type WorkerFrame struct {
	Value WorkerFrameVariant
}

// WorkerFrameVariant is one of Hello, Request, Offer.
type WorkerFrameVariant interface {
	isWorkerFrame()
}

func (Hello) isWorkerFrame() {}

func (Request) isWorkerFrame() {}

func (Offer) isWorkerFrame() {}

// UnmarshalJSON chooses the variant by frame.
func (u *WorkerFrame) UnmarshalJSON(data []byte) error {
	tag, err := readTag("WorkerFrame", "frame", data)
	if err != nil {
		return err
	}
	switch tag {
	case "hello":
		u.Value, err = decodeAs[Hello](data)
	case "request":
		u.Value, err = decodeAs[Request](data)
	case "offer":
		u.Value, err = decodeAs[Offer](data)
	default:
		err = unknownTag("WorkerFrame", "frame", tag)
	}
	return err
}

// MarshalJSON writes the variant with its tag.
func (u WorkerFrame) MarshalJSON() ([]byte, error) {
	return encodeVariant("WorkerFrame", u.Value)
}

// ServerFrame: Frame from the server.
type ServerFrame struct {
	Value ServerFrameVariant
}

// ServerFrameVariant is one of Welcome, Refused, Deliver, Cancel, Response, Tail, Drain.
type ServerFrameVariant interface {
	isServerFrame()
}

func (Welcome) isServerFrame() {}

func (Refused) isServerFrame() {}

func (Deliver) isServerFrame() {}

func (Cancel) isServerFrame() {}

func (Response) isServerFrame() {}

func (Tail) isServerFrame() {}

func (Drain) isServerFrame() {}

// UnmarshalJSON chooses the variant by frame.
func (u *ServerFrame) UnmarshalJSON(data []byte) error {
	tag, err := readTag("ServerFrame", "frame", data)
	if err != nil {
		return err
	}
	switch tag {
	case "welcome":
		u.Value, err = decodeAs[Welcome](data)
	case "refused":
		u.Value, err = decodeAs[Refused](data)
	case "deliver":
		u.Value, err = decodeAs[Deliver](data)
	case "cancel":
		u.Value, err = decodeAs[Cancel](data)
	case "response":
		u.Value, err = decodeAs[Response](data)
	case "tail":
		u.Value, err = decodeAs[Tail](data)
	case "drain":
		u.Value, err = decodeAs[Drain](data)
	default:
		err = unknownTag("ServerFrame", "frame", tag)
	}
	return err
}

// MarshalJSON writes the variant with its tag.
func (u ServerFrame) MarshalJSON() ([]byte, error) {
	return encodeVariant("ServerFrame", u.Value)
}

// Tail: Somebody reads along: send the log of this dispatch as it comes, for a while.
type Tail struct {
	DispatchID DispatchID `json:"dispatch_id"`

	// How long; repeated as long as somebody looks.
	Seconds float64 `json:"seconds"`
}

var checksTail = object("Tail").tagged("frame", "tail").needs("dispatch_id", "seconds")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Tail) UnmarshalJSON(data []byte) error {
	type plain Tail
	if err := checksTail.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Tail) MarshalJSON() ([]byte, error) {
	type plain Tail
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"tail", plain(v)})
}

// Drain: Take no more work, and stop when what runs has ended.
type Drain struct {
	// Why.
	Message string `json:"message"`
}

var checksDrain = object("Drain").tagged("frame", "drain").needs("message")

// UnmarshalJSON refuses a value that lacks a required property.
func (v *Drain) UnmarshalJSON(data []byte) error {
	type plain Drain
	if err := checksDrain.check(data); err != nil {
		return err
	}
	return json.Unmarshal(data, (*plain)(v))
}

// MarshalJSON writes the tag.
func (v Drain) MarshalJSON() ([]byte, error) {
	type plain Drain
	return json.Marshal(struct {
		Tag string `json:"frame"`
		plain
	}{"drain", plain(v)})
}

// TaskInstanceState: State of a task instance; the legal changes are in states.json.
type TaskInstanceState string

// Values of TaskInstanceState.
const (
	TaskInstanceStateNone           TaskInstanceState = "none"
	TaskInstanceStateScheduled      TaskInstanceState = "scheduled"
	TaskInstanceStateQueued         TaskInstanceState = "queued"
	TaskInstanceStateRunning        TaskInstanceState = "running"
	TaskInstanceStateSuccess        TaskInstanceState = "success"
	TaskInstanceStateFailed         TaskInstanceState = "failed"
	TaskInstanceStateSkipped        TaskInstanceState = "skipped"
	TaskInstanceStateUpstreamFailed TaskInstanceState = "upstream_failed"
	TaskInstanceStateUpForRetry     TaskInstanceState = "up_for_retry"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *TaskInstanceState) UnmarshalText(text []byte) error {
	return decodeWord(v, "TaskInstanceState", text, TaskInstanceStateNone, TaskInstanceStateScheduled, TaskInstanceStateQueued, TaskInstanceStateRunning, TaskInstanceStateSuccess, TaskInstanceStateFailed, TaskInstanceStateSkipped, TaskInstanceStateUpstreamFailed, TaskInstanceStateUpForRetry)
}

// DagRunState: State of a DAG run; the legal changes are in states.json.
type DagRunState string

// Values of DagRunState.
const (
	DagRunStateQueued  DagRunState = "queued"
	DagRunStateRunning DagRunState = "running"
	DagRunStateSuccess DagRunState = "success"
	DagRunStateFailed  DagRunState = "failed"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *DagRunState) UnmarshalText(text []byte) error {
	return decodeWord(v, "DagRunState", text, DagRunStateQueued, DagRunStateRunning, DagRunStateSuccess, DagRunStateFailed)
}

// DagRunType: What created a DAG run.
type DagRunType string

// Values of DagRunType.
const (
	DagRunTypeManual            DagRunType = "manual"
	DagRunTypeScheduled         DagRunType = "scheduled"
	DagRunTypeOperatorTriggered DagRunType = "operator_triggered"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *DagRunType) UnmarshalText(text []byte) error {
	return decodeWord(v, "DagRunType", text, DagRunTypeManual, DagRunTypeScheduled, DagRunTypeOperatorTriggered)
}

// ActivityKind: Kind of work that is handed out.
type ActivityKind string

// Values of ActivityKind.
const (
	ActivityKindExecuteTask  ActivityKind = "execute_task"
	ActivityKindParseDagFile ActivityKind = "parse_dag_file"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *ActivityKind) UnmarshalText(text []byte) error {
	return decodeWord(v, "ActivityKind", text, ActivityKindExecuteTask, ActivityKindParseDagFile)
}

// TriggerRule: Which upstream states let a task instance run.
type TriggerRule string

// Values of TriggerRule.
const (
	TriggerRuleAllSuccess              TriggerRule = "all_success"
	TriggerRuleAllFailed               TriggerRule = "all_failed"
	TriggerRuleAllDone                 TriggerRule = "all_done"
	TriggerRuleAllDoneMinOneSuccess    TriggerRule = "all_done_min_one_success"
	TriggerRuleAllDoneSetupSuccess     TriggerRule = "all_done_setup_success"
	TriggerRuleOneSuccess              TriggerRule = "one_success"
	TriggerRuleOneFailed               TriggerRule = "one_failed"
	TriggerRuleOneDone                 TriggerRule = "one_done"
	TriggerRuleNoneFailed              TriggerRule = "none_failed"
	TriggerRuleNoneFailedMinOneSuccess TriggerRule = "none_failed_min_one_success"
	TriggerRuleNoneSkipped             TriggerRule = "none_skipped"
	TriggerRuleAllSkipped              TriggerRule = "all_skipped"
	TriggerRuleAlways                  TriggerRule = "always"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *TriggerRule) UnmarshalText(text []byte) error {
	return decodeWord(v, "TriggerRule", text, TriggerRuleAllSuccess, TriggerRuleAllFailed, TriggerRuleAllDone, TriggerRuleAllDoneMinOneSuccess, TriggerRuleAllDoneSetupSuccess, TriggerRuleOneSuccess, TriggerRuleOneFailed, TriggerRuleOneDone, TriggerRuleNoneFailed, TriggerRuleNoneFailedMinOneSuccess, TriggerRuleNoneSkipped, TriggerRuleAllSkipped, TriggerRuleAlways)
}

// Isolation: How a try gets its process: a fork of a warm parent that has imported the DAG file, a new interpreter, or a warm process that runs many tries of the same code and grants.
type Isolation string

// Values of Isolation.
const (
	IsolationFork  Isolation = "fork"
	IsolationSpawn Isolation = "spawn"
	IsolationReuse Isolation = "reuse"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *Isolation) UnmarshalText(text []byte) error {
	return decodeWord(v, "Isolation", text, IsolationFork, IsolationSpawn, IsolationReuse)
}

// OnCut: What a worker does with a live try that it can no longer report before its takeover.
type OnCut string

// Values of OnCut.
const (
	OnCutContinue OnCut = "continue"
	OnCutStop     OnCut = "stop"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *OnCut) UnmarshalText(text []byte) error {
	return decodeWord(v, "OnCut", text, OnCutContinue, OnCutStop)
}

// LogSource: Where a log record came from.
type LogSource string

// Values of LogSource.
const (
	LogSourceStdout     LogSource = "stdout"
	LogSourceStderr     LogSource = "stderr"
	LogSourceLog        LogSource = "log"
	LogSourceSupervisor LogSource = "supervisor"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *LogSource) UnmarshalText(text []byte) error {
	return decodeWord(v, "LogSource", text, LogSourceStdout, LogSourceStderr, LogSourceLog, LogSourceSupervisor)
}

// LogLevel: Severity of a log record.
type LogLevel string

// Values of LogLevel.
const (
	LogLevelDebug    LogLevel = "debug"
	LogLevelInfo     LogLevel = "info"
	LogLevelWarning  LogLevel = "warning"
	LogLevelError    LogLevel = "error"
	LogLevelCritical LogLevel = "critical"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *LogLevel) UnmarshalText(text []byte) error {
	return decodeWord(v, "LogLevel", text, LogLevelDebug, LogLevelInfo, LogLevelWarning, LogLevelError, LogLevelCritical)
}

// InterruptCause: Why a worker ended an activity that was not at fault.
type InterruptCause string

// Values of InterruptCause.
const (
	InterruptCauseWorkerStopping InterruptCause = "worker_stopping"
	InterruptCauseWorkerFailure  InterruptCause = "worker_failure"
	InterruptCauseLeaseCut       InterruptCause = "lease_cut"
	InterruptCauseCancelled      InterruptCause = "cancelled"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *InterruptCause) UnmarshalText(text []byte) error {
	return decodeWord(v, "InterruptCause", text, InterruptCauseWorkerStopping, InterruptCauseWorkerFailure, InterruptCauseLeaseCut, InterruptCauseCancelled)
}

// WeightRule: How the effective priority of a task follows from its weight and those of its neighbours.
type WeightRule string

// Values of WeightRule.
const (
	WeightRuleDownstream WeightRule = "downstream"
	WeightRuleUpstream   WeightRule = "upstream"
	WeightRuleAbsolute   WeightRule = "absolute"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *WeightRule) UnmarshalText(text []byte) error {
	return decodeWord(v, "WeightRule", text, WeightRuleDownstream, WeightRuleUpstream, WeightRuleAbsolute)
}

// RunEndCause: Why a run ended before its tasks did.
type RunEndCause string

// Values of RunEndCause.
const (
	RunEndCauseCancelled  RunEndCause = "cancelled"
	RunEndCauseTimedOut   RunEndCause = "timed_out"
	RunEndCauseFailedFast RunEndCause = "failed_fast"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *RunEndCause) UnmarshalText(text []byte) error {
	return decodeWord(v, "RunEndCause", text, RunEndCauseCancelled, RunEndCauseTimedOut, RunEndCauseFailedFast)
}

// TriggeredBy: Who asked for a run.
type TriggeredBy string

// Values of TriggeredBy.
const (
	TriggeredByRestAPI   TriggeredBy = "rest_api"
	TriggeredByOperator  TriggeredBy = "operator"
	TriggeredByTimetable TriggeredBy = "timetable"
	TriggeredByTest      TriggeredBy = "test"
)

// UnmarshalText refuses words that this version of the contract does not know.
func (v *TriggeredBy) UnmarshalText(text []byte) error {
	return decodeWord(v, "TriggeredBy", text, TriggeredByRestAPI, TriggeredByOperator, TriggeredByTimetable, TriggeredByTest)
}
