// Checks the proof vectors with golang.org/x/mod/sumdb alone, and answers with proofs and a note of its own
// making for the other side to check. Reads the two vector files named as arguments.

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proof struct {
	Index  int64    `json:"index"`
	From   int64    `json:"from"`
	To     int64    `json:"to"`
	Size   int64    `json:"size"`
	Hashes []string `json:"hashes"`
}

type vectors struct {
	Log struct {
		Secret           string `json:"secret"`
		PublicKey        string `json:"publicKey"`
		ChainVerifierKey string `json:"chainVerifierKey"`
	} `json:"log"`
	Roots       []string `json:"roots"`
	Inclusion   []proof  `json:"inclusion"`
	Consistency []proof  `json:"consistency"`
	Checkpoints []string `json:"checkpoints"`
	Rekeyed     string   `json:"rekeyed"`
	Receipts    []string `json:"receipts"`
	Numbers     struct {
		Count       int64             `json:"count"`
		Root        string            `json:"root"`
		Tiles       map[string]string `json:"tiles"`
		Inclusion   []proof           `json:"inclusion"`
		Consistency []proof           `json:"consistency"`
	} `json:"numbers"`
}

type chain struct {
	Chain struct {
		Events []struct {
			Block string `json:"block"`
		} `json:"events"`
	} `json:"chain"`
}

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func check(what string, err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, what+":", err)
		os.Exit(1)
	}
}

func read(path string, into any) {
	check(path, json.Unmarshal(must(os.ReadFile(path)), into))
}

func hash(text string) (h tlog.Hash) {
	bytes := must(base64.StdEncoding.DecodeString(text))
	if len(bytes) != len(h) {
		check(text, fmt.Errorf("not a hash"))
	}
	copy(h[:], bytes)
	return h
}

func hashes(texts []string) (all []tlog.Hash) {
	for _, text := range texts {
		all = append(all, hash(text))
	}
	return all
}

// A tree in memory, built by tlog itself.
type tree struct{ stored []tlog.Hash }

func (t *tree) add(n int64, entry []byte) {
	t.stored = append(t.stored, must(tlog.StoredHashes(n, entry, t))...)
}

func (t *tree) ReadHashes(indexes []int64) (found []tlog.Hash, err error) {
	for _, index := range indexes {
		found = append(found, t.stored[index])
	}
	return found, nil
}

func main() {
	var v vectors
	var c chain
	read(os.Args[1], &v)
	read(os.Args[2], &c)
	verifier := must(note.NewVerifier(v.Log.ChainVerifierKey))
	known := note.VerifierList(verifier)

	events := &tree{}
	var leaves []tlog.Hash
	for i, event := range c.Chain.Events {
		block := must(hex.DecodeString(event.Block))
		leaves = append(leaves, tlog.RecordHash(block))
		events.add(int64(i), block)
	}
	for size := 1; size <= len(leaves); size++ {
		if must(tlog.TreeHash(int64(size), events)) != hash(v.Roots[size]) {
			check("root", fmt.Errorf("of size %d differs", size))
		}
	}
	for _, p := range v.Inclusion {
		check("inclusion", tlog.CheckRecord(hashes(p.Hashes), p.Size, hash(v.Roots[p.Size]), p.Index, leaves[p.Index]))
	}
	for _, p := range v.Consistency {
		check("consistency", tlog.CheckTree(hashes(p.Hashes), p.To, hash(v.Roots[p.To]), p.From, hash(v.Roots[p.From])))
	}
	for _, text := range append(v.Checkpoints, v.Rekeyed) {
		opened := must(note.Open([]byte(text), known))
		lines := strings.Split(opened.Text, "\n")
		size := must(strconv.Atoi(lines[1]))
		if lines[0] != verifier.Name() || lines[2] != v.Roots[size] {
			check("checkpoint", fmt.Errorf("of size %d differs", size))
		}
	}
	for _, text := range v.Receipts {
		head, checkpoint, _ := strings.Cut(text, "\n\n")
		lines := strings.Split(head, "\n")
		index := must(strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64))
		signed := strings.Split(must(note.Open([]byte(checkpoint), known)).Text, "\n")
		size := must(strconv.ParseInt(signed[1], 10, 64))
		check("receipt", tlog.CheckRecord(hashes(lines[3:]), size, hash(signed[2]), index, leaves[index]))
	}

	numbers, n := &tree{}, v.Numbers.Count
	for i := int64(0); i < n; i++ {
		numbers.add(i, []byte(strconv.FormatInt(i, 10)))
	}
	root := must(tlog.TreeHash(n, numbers))
	if root != hash(v.Numbers.Root) {
		check("numbers", fmt.Errorf("the roots differ"))
	}
	for _, p := range v.Numbers.Inclusion {
		leaf := tlog.RecordHash([]byte(strconv.FormatInt(p.Index, 10)))
		check("numbers", tlog.CheckRecord(hashes(p.Hashes), n, root, p.Index, leaf))
	}
	for _, p := range v.Numbers.Consistency {
		check("numbers", tlog.CheckTree(hashes(p.Hashes), n, root, p.From, must(tlog.TreeHash(p.From, numbers))))
	}
	for path, digest := range v.Numbers.Tiles {
		level, index, _ := strings.Cut(path, "/")
		tile := tlog.Tile{H: 8, L: must(strconv.Atoi(level)), N: must(strconv.ParseInt(index, 10, 64)), W: 256}
		sum := sha256.Sum256(must(tlog.ReadTileData(tile, numbers)))
		if hex.EncodeToString(sum[:]) != digest {
			check("tile", fmt.Errorf("%s differs", path))
		}
	}
	answer(v, numbers, root)
}

// Proofs of the tree of numbers, and the last checkpoint signed again from its text.
func answer(v vectors, numbers *tree, root tlog.Hash) {
	n := v.Numbers.Count
	var made struct {
		Inclusion   []proof `json:"inclusion"`
		Consistency []proof `json:"consistency"`
		Note        string  `json:"note"`
	}
	for index := int64(0); index < n; index += 997 {
		p := must(tlog.ProveRecord(n, index, numbers))
		made.Inclusion = append(made.Inclusion, proof{Index: index, Hashes: texts(p)})
		if index > 0 {
			q := must(tlog.ProveTree(n, index, numbers))
			from := must(tlog.TreeHash(index, numbers))
			made.Consistency = append(made.Consistency, proof{From: index, Hashes: append([]string{from.String()}, texts(q)...)})
		}
	}
	name, rest, _ := strings.Cut(v.Log.ChainVerifierKey, "+")
	id, _, _ := strings.Cut(rest, "+")
	seed := must(base64.StdEncoding.DecodeString(v.Log.Secret))
	secret := "PRIVATE+KEY+" + name + "+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, seed...))
	text, _, _ := strings.Cut(v.Checkpoints[len(v.Checkpoints)-1], "\n\n")
	made.Note = string(must(note.Sign(&note.Note{Text: text + "\n"}, must(note.NewSigner(secret)))))
	check("answer", json.NewEncoder(os.Stdout).Encode(made))
}

func texts(hashes []tlog.Hash) []string {
	all := []string{}
	for _, h := range hashes {
		all = append(all, h.String())
	}
	return all
}
