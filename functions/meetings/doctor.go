package meetings

import (
	"context"
	"slices"

	"switchboard/shared/teams"
)

type findings struct {
	Body struct {
		OK    bool            `json:"ok" doc:"Nothing failed"`
		Items []teams.Finding `json:"items" nullable:"false"`
	}
}

func (h handler) examine(ctx context.Context, _ *struct{}) (*findings, error) {
	out := &findings{}
	out.Body.Items = h.doctor.Examine(ctx)
	out.Body.OK = !slices.ContainsFunc(out.Body.Items, func(f teams.Finding) bool { return f.Status == teams.Failed })
	return out, nil
}
