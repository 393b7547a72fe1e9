package hostingtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"time"
)

// maxErrors is how many errors of the handler end the host.
const maxErrors = 3

// errStopped is the state of a worker that was closed.
var errStopped = errors.New("the host was closed")

// worker keeps a custom handler running as the host does: it polls GET / every 25 ms
// until anything answers, starts the handler again when it ends, and gives up after
// three errors. It stops the handler with SIGKILL.
type worker struct {
	script *script
	env    []string
	addr   string // the same for every process
	stdout output
	stderr output

	mu      sync.Mutex
	process *exec.Cmd
	starts  int
	ready   bool
	gone    error         // why there will be no further process
	changed chan struct{} // closed when ready or gone changes
	ended   chan struct{} // closed when the last process has ended
}

func startWorker(s *script, root string, settings []string) (*worker, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	w := &worker{script: s, addr: net.JoinHostPort("127.0.0.1", port), changed: make(chan struct{}), ended: make(chan struct{})}
	w.env = append(machineEnv(),
		"FUNCTIONS_CUSTOMHANDLER_PORT="+port, "FUNCTIONS_HTTPWORKER_PORT="+port,
		"FUNCTIONS_CUSTOMHANDLER_WORKER_ID=w1", "FUNCTIONS_HTTPWORKER_ID=w1",
		"FUNCTIONS_APP_ROOT_PATH="+root, "FUNCTIONS_WORKER_RUNTIME=custom",
		"WEBSITE_HOSTNAME=localhost:7071", "AZURE_FUNCTIONS_ENVIRONMENT=Development",
		"AzureWebJobsStorage=UseDevelopmentStorage=true")
	w.env = append(w.env, settings...)
	go w.supervise(root)
	return w, nil
}

// supervise runs one process after the other.
func (w *worker) supervise(root string) {
	defer close(w.ended)
	for failures := 0; ; {
		code, err := w.runOnce(root)
		switch {
		case w.state() != nil:
			return
		case err == nil && code == 200: // a wanted restart
			continue
		case err == nil && code == 0:
			w.giveUp(errors.New("the handler exited with code 0, which the host takes for a wanted end: it is not started again"))
			return
		case err == nil:
			err = fmt.Errorf("the handler exited with code %d", code)
		}
		if failures++; failures == maxErrors {
			w.giveUp(fmt.Errorf("exceeded http worker restart retry count: %w; stderr: %s", err, w.stderr.String()))
			return
		}
	}
}

// runOnce runs a process to its end and returns its exit code. The error says that it
// did not start, or not in time.
func (w *worker) runOnce(root string) (int, error) {
	cmd := exec.Command(w.script.executable, w.script.arguments...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = root, w.env, &w.stdout, &w.stderr
	w.mu.Lock()
	if w.gone != nil {
		w.mu.Unlock()
		return 0, w.gone
	}
	err := cmd.Start()
	if err == nil {
		w.process = cmd
		w.starts++
	}
	w.mu.Unlock()
	if err != nil {
		return 0, err
	}
	starting, stop := context.WithTimeout(context.Background(), w.script.initTimeout)
	defer stop()
	late := make(chan bool, 1)
	go func() {
		ok := w.poll(starting)
		if ok {
			w.set(true, nil)
		} else {
			cmd.Process.Kill()
		}
		late <- !ok && starting.Err() == context.DeadlineExceeded
	}()
	cmd.Wait() // the exit code says more than the error
	stop()
	tooLate := <-late
	w.set(false, nil)
	if tooLate {
		return 0, fmt.Errorf("the handler did not answer GET / within %s", w.script.initTimeout)
	}
	return cmd.ProcessState.ExitCode(), nil
}

// poll asks for readiness until something answers or ctx ends.
func (w *worker) poll(ctx context.Context) bool {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.addr+"/", nil) // a fixed, valid URL
		if resp, err := client.Do(req); err == nil {
			resp.Body.Close()
			return true
		}
		select {
		case <-time.After(25 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}

// await returns when the handler is ready, or says why it never will be.
func (w *worker) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*w.script.initTimeout)
	defer cancel()
	for {
		w.mu.Lock()
		ready, gone, changed := w.ready, w.gone, w.changed
		w.mu.Unlock()
		switch {
		case gone != nil:
			return gone
		case ready:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *worker) set(ready bool, gone error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ready = ready
	if w.gone == nil {
		w.gone = gone
	}
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *worker) giveUp(why error) { w.set(false, why) }

func (w *worker) state() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone
}

// kill ends the running process as the host would.
func (w *worker) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.process != nil {
		w.process.Process.Kill()
	}
}

func (w *worker) close() {
	w.giveUp(errStopped)
	w.kill()
	<-w.ended
}
