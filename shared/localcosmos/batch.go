package localcosmos

import (
	"encoding/json"
	"errors"
	"net/http"

	"switchboard/shared/localcosmos/internal/value"
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
		return failedBatch(len(operations), last, refusal), nil
	}
	if err != nil {
		return nil, err
	}
	return c.batchReply(results, r.minimal(), lsn), nil
}

func (c *container) batchReply(results []outcome, minimal bool, lsn uint64) *reply {
	answer := &reply{status: http.StatusOK, lsn: lsn}
	list := []byte{'['}
	for i, done := range results {
		if i > 0 {
			list = append(list, ',')
		}
		line := value.Object{{Name: "statusCode", Value: float64(done.status)}, {Name: "requestCharge", Value: done.charge}}
		if done.item != nil {
			line = append(line, value.Member{Name: "eTag", Value: c.etagOf(done.item)})
		}
		list = value.Append(list, line)
		if done.item != nil && !minimal {
			list = append(list[:len(list)-1], `,"resourceBody":`...)
			list = append(append(list, done.item.json...), '}')
		}
		answer.charge += done.charge
	}
	answer.body = append(list, ']')
	return answer
}

func failedBatch(n, failing int, f *failure) *reply {
	results := make([]any, n)
	for i := range results {
		line := value.Object{{Name: "statusCode", Value: float64(http.StatusFailedDependency)}, {Name: "requestCharge", Value: 0.0}}
		if i == failing {
			line = value.Object{
				{Name: "statusCode", Value: float64(f.status)},
				{Name: "subStatusCode", Value: float64(f.substatus)},
				{Name: "requestCharge", Value: chargeRefusal},
				{Name: "message", Value: f.message},
			}
		}
		results[i] = line
	}
	return &reply{status: http.StatusMultiStatus, body: value.Append(nil, results), charge: chargeRefusal}
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
	OperationType string          `json:"operationType"`
	ID            string          `json:"id"`
	IfMatch       string          `json:"ifMatch"`
	IfNoneMatch   string          `json:"ifNoneMatch"`
	ResourceBody  json.RawMessage `json:"resourceBody"`
	PartitionKey  json.RawMessage `json:"partitionKey"`
}
