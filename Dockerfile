# syntax=docker/dockerfile:1
FROM golang:1.26.0-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/tare ./cmd/tare \
    && mkdir -p /out/state

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/tare /tare
# A volume that is mounted here inherits the owner.
COPY --from=build --chown=nonroot:nonroot /out/state /var/lib/tare
WORKDIR /var/lib/tare
EXPOSE 8477
ENTRYPOINT ["/tare"]
CMD ["--help"]
