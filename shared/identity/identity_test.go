package identity_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"pgregory.net/rapid"

	"switchboard/shared/acs"
	"switchboard/shared/calling"
	"switchboard/shared/faults"
	"switchboard/shared/identity"
	"switchboard/shared/local"
	"switchboard/shared/problem"
	"switchboard/shared/seal"
	"switchboard/shared/storage"
	"switchboard/shared/testbed"
)

var (
	ada  = identity.Subject{Key: identity.UserKey("usr_ada"), Kind: identity.User, DisplayName: "Ada"}
	want = identity.Want{Scopes: []calling.Scope{calling.Chat, calling.VoIP}, Life: calling.MaxLife}
)

// world is registries, as many instances would have them, over one cloud.
type world struct {
	cloud      *local.Cloud
	clock      *testbed.Clock
	log        *testbed.Log
	registries []*identity.Registry
}

func newWorld(t testbed.T, instances int) *world {
	t.Helper()
	w := &world{clock: &testbed.Clock{}, log: &testbed.Log{}}
	w.cloud = testbed.Cloud(t, w.clock)
	for range instances {
		w.registries = append(w.registries, w.registry(t))
	}
	return w
}

func (w *world) registry(t testbed.T) *identity.Registry {
	t.Helper()
	return identity.New(w.config(t, w.cloud.Options().Cosmos))
}

// config is that of a registry that reaches the store by the given way.
func (w *world) config(t testbed.T, way policy.Transporter) identity.Config {
	t.Helper()
	store, err := storage.Open(storage.Config{
		Endpoint: "https://cosmos.localhost", Key: w.cloud.Cosmos.Key(), NewID: rand.Text, Transport: way,
		Schema: storage.Schema{Database: "switchboard", Container: "main"},
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := acs.NewClientFromConnectionString(w.cloud.ACS.ConnectionString("https://acs.localhost"), &acs.Options{
		Now: w.clock.Now, ClientOptions: azcore.ClientOptions{Transport: w.cloud.Options().ACS},
	})
	if err != nil {
		t.Fatal(err)
	}
	keys := seal.Static{{ID: "k", Secret: []byte(strings.Repeat("k", 32))}}
	return identity.Config{
		Store: store, Provider: client, Ring: seal.NewRing(keys, w.clock.Now), Default: want,
		Clean: func(context.Context, *identity.Record) error { return nil },
		Now:   w.clock.Now, NewID: rand.Text, Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
}

func always(*identity.Record) error { return nil }

// TestAnythingAtOnceEndsInOneState lets instances do anything at once while the
// services behind them fail, and then looks what is left: one mapping at most,
// the identity at the provider that it names and no other, and a token that
// works.
func TestAnythingAtOnceEndsInOneState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, 3)
		scripts := make([][]string, len(w.registries))
		for i := range scripts {
			scripts[i] = rapid.SliceOfN(rapid.SampledFrom([]string{"token", "token", "ensure", "revoke", "erase", "rename"}), 1, 6).Draw(rt, "script")
		}
		for range rapid.IntRange(0, 4).Draw(rt, "faults") {
			rule := faults.Rule{Skip: rapid.IntRange(0, 6).Draw(rt, "skip")}
			switch rapid.SampledFrom([]string{"acs 500", "acs dropped", "store lost", "store dropped", "store 503", "store 429"}).Draw(rt, "fault") {
			case "acs 500":
				rule.Status = 500
				w.cloud.ACSFaults.Add(rule)
			case "acs dropped":
				rule.Drop = "before" // a lost answer would leave what nobody knows
				w.cloud.ACSFaults.Add(rule)
			case "store lost":
				rule.Drop = "after"
				w.cloud.CosmosFaults.Add(rule)
			case "store dropped":
				rule.Drop = "before"
				w.cloud.CosmosFaults.Add(rule)
			case "store 503":
				rule.Status = 503
				w.cloud.CosmosFaults.Add(rule)
			case "store 429":
				rule.Status = 429
				w.cloud.CosmosFaults.Add(rule)
			}
		}
		var all sync.WaitGroup
		for i, script := range scripts {
			all.Go(func() {
				for _, step := range script {
					w.do(t, w.registries[i], step)
				}
			})
		}
		all.Wait()
		w.cloud.ACSFaults.Clear()
		w.cloud.CosmosFaults.Clear()
		w.clock.Move(time.Minute) // leases have lapsed
		w.check(rt)
	})
}

// do takes one step. It may fail, as long as it says so in the contract's words.
func (w *world) do(t *testing.T, r *identity.Registry, step string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var err error
	switch step {
	case "token":
		_, err = r.Token(ctx, ada, want)
	case "ensure":
		_, _, err = r.Ensure(ctx, ada)
	case "revoke":
		err = r.RevokeTokens(ctx, ada.Key)
	case "erase":
		err = r.Erase(ctx, ada.Key, always)
	case "rename":
		_, err = r.Update(ctx, ada.Key, func(rec *identity.Record) error {
			rec.Profile.DisplayName = "Countess"
			return nil
		})
	}
	if err != nil && problem.From(err).Kind == problem.Internal {
		t.Errorf("%s: %v", step, err)
	}
}

// check looks at what is left through an instance that was not there.
func (w *world) check(t *rapid.T) {
	ctx := context.Background()
	r := w.registries[0]
	grant, err := r.Token(ctx, ada, want)
	if err != nil {
		t.Fatalf("after all has calmed down: %v", err)
	}
	if !w.cloud.ACS.TokenValid(grant.Token.Value) {
		t.Fatalf("the token given does not work")
	}
	if got := w.cloud.ACS.Identities(); len(got) != 1 || got[0] != grant.CallingID {
		t.Fatalf("the user has %s, at ACS there are %v\n%s", grant.CallingID, got, w.log)
	}
	if err := r.Erase(ctx, ada.Key, always); err != nil {
		t.Fatal(err)
	}
	if got := w.cloud.ACS.Identities(); len(got) != 0 {
		t.Fatalf("after the erasure there are %v", got)
	}
}

// TestAChangeOfProfileDoesNotDisturbWorkUnderWay changes the profile between the
// two writes of an allocation and of a revocation.
func TestAChangeOfProfileDoesNotDisturbWorkUnderWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	working, other := w.registries[0], w.registries[1]
	rename := func(name string) {
		t.Helper()
		time.Sleep(50 * time.Millisecond)
		if _, err := other.Update(t.Context(), ada.Key, func(rec *identity.Record) error {
			rec.Profile.DisplayName = name
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	during := func(rule faults.Rule, name string, work func() error) {
		t.Helper()
		rule.Delay = faults.Duration(150 * time.Millisecond)
		w.cloud.ACSFaults.Add(rule)
		var err error
		var all sync.WaitGroup
		all.Go(func() { err = work() })
		rename(name)
		all.Wait()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rec, err := other.Get(t.Context(), ada.Key)
		if err != nil || rec.Change != nil || rec.Profile.DisplayName != name {
			t.Errorf("%s: %+v, %v", name, rec, err)
		}
		if got := w.cloud.ACS.Identities(); len(got) != 1 || got[0] != rec.CallingID {
			t.Errorf("%s: the user has %s, at ACS there are %v", name, rec.CallingID, got)
		}
	}
	if _, _, err := working.Ensure(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	during(faults.Rule{Contains: "revokeAccessTokens"}, "revoking", func() error { return working.RevokeTokens(t.Context(), ada.Key) })
	rec, err := working.Get(t.Context(), ada.Key)
	if err != nil {
		t.Fatal(err)
	}
	deleteAtACS(t, w, rec.CallingID) // as if the resource had been replaced
	during(faults.Rule{Method: "POST", Contains: "/identities?"}, "allocating anew", func() error {
		_, err := working.Token(t.Context(), ada, want)
		return err
	})
}

// deleteAtACS deletes an identity behind the registries' backs.
func deleteAtACS(t *testing.T, w *world, id string) {
	t.Helper()
	client, err := acs.NewClientFromConnectionString(w.cloud.ACS.ConnectionString("https://acs.localhost"), &acs.Options{
		Now: w.clock.Now, ClientOptions: azcore.ClientOptions{Transport: w.cloud.Options().ACS},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// TestALostRaceLeavesNoIdentity takes a claim over while its holder waits for
// the provider.
func TestALostRaceLeavesNoIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.cloud.ACSFaults.Add(faults.Rule{Delay: faults.Duration(300 * time.Millisecond)})
	var slow identity.Grant
	var slowErr error
	var all sync.WaitGroup
	all.Go(func() { slow, slowErr = w.registries[0].Token(t.Context(), ada, want) })
	time.Sleep(100 * time.Millisecond)
	w.clock.Move(time.Minute) // the first holder's lease lapses while it works
	fast, err := w.registries[1].Token(t.Context(), ada, want)
	all.Wait()
	if err != nil || slowErr != nil {
		t.Fatal(err, slowErr)
	}
	if slow.CallingID != fast.CallingID {
		t.Errorf("one got %s, the other %s", slow.CallingID, fast.CallingID)
	}
	if got := w.cloud.ACS.Identities(); len(got) != 1 || got[0] != fast.CallingID {
		t.Errorf("the user has %s, at ACS there are %v", fast.CallingID, got)
	}
}

// TestATokenIssuedDuringARevocationIsNotKept catches an issue between the look
// at the document and the provider's answer.
func TestATokenIssuedDuringARevocationIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	if _, _, err := w.registries[0].Ensure(t.Context(), ada); err != nil {
		t.Fatal(err)
	}
	chat := identity.Want{Scopes: []calling.Scope{calling.Chat}, Life: calling.MinLife}
	// The token is issued at once, and storing it takes long.
	hold := make(chan struct{})
	w.cloud.CosmosFaults.Add(faults.Rule{Method: "PUT", Delay: faults.Duration(200 * time.Millisecond)})
	var grant identity.Grant
	var err error
	go func() {
		defer close(hold)
		grant, err = w.registries[0].Token(t.Context(), ada, chat)
	}()
	time.Sleep(50 * time.Millisecond)
	w.clock.Move(5 * time.Second)
	if err := w.registries[1].RevokeTokens(t.Context(), ada.Key); err != nil {
		t.Fatal(err)
	}
	<-hold
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Move(5 * time.Second)
	again, err := w.registries[1].Token(t.Context(), ada, chat)
	if err != nil {
		t.Fatal(err)
	}
	if !w.cloud.ACS.TokenValid(again.Token.Value) {
		t.Error("a token that was revoked was kept")
	}
	if !w.cloud.ACS.TokenValid(grant.Token.Value) {
		t.Error("the request that was caught in between got a token that does not work")
	}
}

// broken is a provider with a defect.
type broken struct{ identity.Provider }

func (broken) Create(context.Context, []calling.Scope, time.Duration) (string, calling.Token, error) {
	panic("a defect")
}

// TestADefectBesideTheRequestDoesNotEndTheProcess: the work runs in a goroutine
// of its own, and a panic there would.
func TestADefectBesideTheRequestDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	r := w.registries[0]
	r.Provider = broken{}
	if _, err := r.Token(t.Context(), ada, want); problem.From(err).Kind != problem.Internal {
		t.Errorf("%v", err)
	}
}
