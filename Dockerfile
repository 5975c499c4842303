# The program alone, static, as a user without rights:
#   docker build -t moreau . && docker run --rm -v "$PWD:/models" moreau inspect model.gguf
FROM golang:1.26 AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -o /moreau ./cmd/moreau

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /moreau /moreau
USER 65532:65532
WORKDIR /models
ENTRYPOINT ["/moreau"]
