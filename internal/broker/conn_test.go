package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/twmb/franz-go/pkg/kfake"
)

// password is the SASL mechanism PLAIN.
type password string

func (password) Name() string { return "PLAIN" }

func (p password) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	if m := sasl.MetadataFromContext(ctx); m == nil || m.Host != "127.0.0.1" || m.Port == 0 {
		return nil, nil, errors.New("the context does not tell the broker's address")
	}
	return p, []byte("\x00tare\x00" + string(p)), nil
}

func (password) Next(context.Context, []byte) (bool, []byte, error) { return true, nil, nil }

// certificate returns one for localhost, with the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestSecureConnection(t *testing.T) {
	own, pool := certificate(t)
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "in"), kfake.EnableSASL(), kfake.Superuser("PLAIN", "tare", "secret"), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{own}}))
	defer cluster.Close()
	for _, c := range []struct {
		name, want string
		change     func(*Config)
	}{
		{"all right", "", func(*Config) {}},
		{"wrong password", "SASL Authentication Failed", func(c *Config) { c.SASL = password("wrong") }},
		{"unknown authority", "certificate", func(c *Config) { c.TLS = &tls.Config{RootCAs: x509.NewCertPool()} }},
	} {
		config := Config{Brokers: cluster.ListenAddrs(), TLS: &tls.Config{RootCAs: pool}, SASL: password("secret")}
		c.change(&config)
		client := New(config)
		short, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		topic, err := client.Topic(short, "in")
		cancel()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: error is %v, want %q at once", c.name, err, c.want)
		}
		if err == nil {
			f := client.NewFetcher(FetchOptions{})
			(<-f.Open(topic, 0, 0).C()).Release()
			f.Close()
		}
		client.Close()
	}
}

// TestSilentBroker: a broker that takes the connection and says nothing is given
// up in time.
func TestSilentBroker(t *testing.T) {
	virtually(t, func(w *world) {
		c := New(Config{Brokers: []string{"x:1"}, Dial: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				for b := make([]byte, 64); ; {
					if _, err := server.Read(b); err != nil {
						return
					}
				}
			}()
			return client, nil
		}})
		begin := time.Now()
		if _, err := c.dial(w.Context(), "x:1"); !temporary(err) || time.Since(begin) != dialTimeout {
			t.Errorf("error is %v after %v, want a temporary one after %v", err, time.Since(begin), dialTimeout)
		}
	})
}
