package localcosmos

import (
	"errors"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxBatch is how many operations a transactional batch may have.
const maxBatch = 100

// batch runs a transactional batch: all of it in one commit, or none. Then the
// answer is 207: the operation that failed has its own status and the others
// 424 ("Transactional batch operations").
func (s *Store) batch(r *request, c *container) (*reply, error) {
	key, err := c.requiredKey(r)
	if err != nil {
		return nil, err
	}
	operations, err := s.parseBatch(r, c, key)
	if err != nil {
		return nil, err
	}
	results, lsn, err := s.run(r, c, key, operations)
	var refusal *failure
	if last := len(results) - 1; last >= 0 && errors.As(results[last].fault, &refusal) {
		return failedBatch(len(operations), last, refusal)
	}
	if err != nil {
		return nil, err
	}
	answer := &reply{status: http.StatusOK, lsn: lsn}
	lines := make([]batchResult, len(results))
	for i, done := range results {
		lines[i] = batchResult{Status: done.status, Charge: done.charge}
		if done.item != nil {
			lines[i].ETag = c.etagOf(done.item)
			if !r.minimal() || operations[i].kind == "Read" {
				lines[i].Body = done.item.json
			}
		}
		answer.charge += done.charge
	}
	answer.body, err = json.Marshal(lines)
	return answer, err
}

// batchResult is the JSON of what one operation did.
type batchResult struct {
	Status    int            `json:"statusCode"`
	Substatus int            `json:"subStatusCode,omitzero"`
	Charge    float64        `json:"requestCharge"`
	ETag      string         `json:"eTag,omitzero"`
	Message   string         `json:"message,omitzero"`
	Body      jsontext.Value `json:"resourceBody,omitzero"`
}

func failedBatch(n, failing int, f *failure) (*reply, error) {
	lines := slices.Repeat([]batchResult{{Status: http.StatusFailedDependency}}, n)
	lines[failing] = batchResult{Status: f.status, Substatus: f.substatus, Charge: chargeRefusal, Message: f.message}
	body, err := json.Marshal(lines)
	return &reply{status: http.StatusMultiStatus, body: body, charge: chargeRefusal}, err
}

// parseBatch reads the list of operations. What is wrong with the request as a
// whole is a 400; what is wrong with one operation becomes its own status.
func (s *Store) parseBatch(r *request, c *container, key partitionKey) ([]operation, error) {
	if !r.is("X-Ms-Cosmos-Batch-Atomic") {
		return nil, unsupported("batches that are not atomic (bulk)")
	}
	var entries []batchEntry
	if err := decode(r.body, &entries); err != nil {
		return nil, err
	}
	if len(entries) == 0 || len(entries) > maxBatch {
		return nil, badRequest("The batch request has %d operations: it wants 1 to %d.", len(entries), maxBatch)
	}
	operations := make([]operation, len(entries))
	for i, entry := range entries {
		op := operation{kind: entry.OperationType, id: entry.ID, ifMatch: entry.IfMatch, ifNone: entry.IfNoneMatch}
		switch op.kind {
		case "Create", "Upsert":
		case "Replace", "Patch", "Delete", "Read":
			if op.id == "" {
				return nil, badRequest("The operation at index %d wants an id.", i)
			}
		default:
			return nil, unsupported("the batch operation %q", op.kind)
		}
		op.fault = s.prepare(&op, c, key, entry.ResourceBody)
		operations[i] = op
	}
	return operations, nil
}

// batchEntry is the JSON of one operation. JavaScript repeats the key of the
// whole batch in each.
type batchEntry struct {
	OperationType string         `json:"operationType"`
	ID            string         `json:"id"`
	IfMatch       string         `json:"ifMatch"`
	IfNoneMatch   string         `json:"ifNoneMatch"`
	ResourceBody  jsontext.Value `json:"resourceBody"`
	PartitionKey  jsontext.Value `json:"partitionKey"`
}
