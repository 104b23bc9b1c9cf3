// golang-jwt, for `bench`: answers each line of standard input with one line.
//
//	time ALGORITHM COUNT   nanoseconds for so many verifications
//	accept TOKEN           true or false
package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

type workload struct {
	Issuer   string              `json:"issuer"`
	Audience string              `json:"audience"`
	Tokens   map[string][]string `json:"tokens"`
	KeySet   struct {
		Keys []jwk `json:"keys"`
	} `json:"key_set"`
}

type jwk struct {
	Kid, Kty, N, E, X, Y string
}

type verifier struct {
	parser *jwt.Parser
	keys   map[string]any
}

func main() {
	log.SetFlags(0)
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var work workload
	if err := json.Unmarshal(text, &work); err != nil {
		log.Fatal(err)
	}
	verifier := newVerifier(&work)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		if words[0] == "time" {
			count, _ := strconv.Atoi(words[2])
			fmt.Println(verifier.time(work.Tokens[words[1]], count).Nanoseconds())
		} else {
			fmt.Println(verifier.verify(words[1]) == nil)
		}
	}
}

func newVerifier(work *workload) *verifier {
	keys := make(map[string]any)
	for _, key := range work.KeySet.Keys {
		keys[key.Kid] = key.public()
	}
	return &verifier{
		keys: keys,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{"RS256", "ES256", "EdDSA"}),
			jwt.WithIssuer(work.Issuer),
			jwt.WithAudience(work.Audience),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithStrictDecoding(),
			jwt.WithLeeway(30*time.Second),
		),
	}
}

func (v *verifier) verify(token string) error {
	_, err := v.parser.ParseWithClaims(token, jwt.MapClaims{}, func(token *jwt.Token) (any, error) {
		id, _ := token.Header["kid"].(string)
		key, found := v.keys[id]
		if !found {
			return nil, fmt.Errorf("no such key")
		}
		return key, nil
	})
	return err
}

func (v *verifier) time(tokens []string, count int) time.Duration {
	started := time.Now()
	for index := range count {
		if err := v.verify(tokens[index%len(tokens)]); err != nil {
			log.Fatal(err)
		}
	}
	return time.Since(started)
}

func (key jwk) public() any {
	switch key.Kty {
	case "RSA":
		return &rsa.PublicKey{N: number(key.N), E: int(number(key.E).Int64())}
	case "EC":
		return &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(key.X), Y: number(key.Y)}
	default:
		return ed25519.PublicKey(number(key.X).FillBytes(make([]byte, ed25519.PublicKeySize)))
	}
}

func number(text string) *big.Int {
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		log.Fatal(err)
	}
	return new(big.Int).SetBytes(decoded)
}
