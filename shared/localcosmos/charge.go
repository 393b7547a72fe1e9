package localcosmos

// Request charges are estimates: straight lines through the figures that
// Microsoft documents ("Request Units in Azure Cosmos DB": point read of 1 KB
// is 1, of 100 KB 10; write of 1 KB 5, of 100 KB 50, without indexing), plus
// what an indexed leaf costs in the documented examples.
const (
	chargeRefusal    = 1.0
	chargeMetadata   = 2.0
	chargeDefinition = 4.95
	chargeLeaf       = 0.14
	chargeQuery      = 2.3
	chargeExamined   = 0.03
)

func chargeRead(size int) float64 { return line(size, 1, 10) }

func chargeWrite(size, leaves int) float64 {
	return line(size, 5, 50) + chargeLeaf*float64(leaves)
}

// line goes through at1 for 1 KB and below, and at100 for 100 KB.
func line(size int, at1, at100 float64) float64 {
	kb := max(1, float64(size)/1024)
	return at1 + (kb-1)*(at100-at1)/99
}
