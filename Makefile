# The usual verbs. Go alone is needed; `make ci` installs what else it wants.
.PHONY: build test short race lint bench golden ci release clean

build: ## one static binary, ./moreau
	CGO_ENABLED=0 go build -trimpath -o moreau ./cmd/moreau

test: ## all tests; those on large files skip where ../shared is absent
	go test ./...

short: ## the tests that take seconds, also without assembly
	go test -short ./...
	go test -short -tags noasm ./internal/...

race: ## the race detector on what is concurrent
	go test -race -short -run 'Test(Conformance|Pool|HelpersSleep|Trim)/cpu/(avx|neon)/3' ./internal/backend/...
	go test -race -short ./internal/checkpoint/... ./internal/transformer/... ./internal/moreau/...

lint: ## formatting, vet, staticcheck
	test -z "$$(gofmt -l .)"
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

bench: build ## how fast this machine is
	./moreau bench

golden: ## write the golden texts of commands anew; read the diff before you commit it
	go test ./cmd/moreau -update

ci: ## everything that must hold before a change lands
	.ci/run

release: ## dist: archives for six platforms, with completions and manual pages, and their checksums; make release VERSION=0.2.0
	.ci/release $(VERSION)

clean:
	rm -rf moreau dist
