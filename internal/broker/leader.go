package broker

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"

	"tare/internal/kafka"
)

// shortWait is how long a broker waits for records while some partition has no
// free buffer: one that becomes free a moment later is not held up by partitions
// that have nothing.
const shortWait = 5 * time.Millisecond

// A leader is a connection to a broker, with the feeds of partitions that it
// leads. It lives until the connection breaks or no feed is left.
type leader struct {
	fetcher *Fetcher
	address string
	post    *post
	feeds   []*Feed
	turn    int // of them, which is asked for first: the broker fills a response in order
	fetch   fetch
}

func newLeader(f *Fetcher, address string) *leader {
	return &leader{
		fetcher: f,
		address: address,
		post:    newPost(),
		fetch:   fetch{clientID: f.client.config.ClientID, uncommitted: f.options.Uncommitted},
	}
}

// run serves the feeds and hands those that are left back to the scout, with
// those that come too late.
func (l *leader) run(ctx context.Context) {
	if err := l.serve(ctx); err != nil && ctx.Err() == nil {
		l.fetcher.client.notify("fetch from broker "+l.address, err)
	}
	for _, d := range append(l.feeds, l.post.close()...) {
		d.trouble = errDisconnected
		l.lose(d)
	}
}

func (l *leader) lose(d *Feed) {
	d.due = time.Now().Add(d.pause.next())
	l.fetcher.lost.hand(d) // the scout leaves last
}

func (l *leader) serve(ctx context.Context) error {
	c, err := l.fetcher.client.dial(ctx, l.address)
	if err != nil {
		return err
	}
	defer c.Close()
	for ctx.Err() == nil {
		l.feeds = keep(l.post.take(l.feeds))
		if len(l.feeds) == 0 {
			return nil
		}
		wait, some := l.choose(time.Now())
		if some {
			if err := l.round(c, wait); err != nil {
				return err
			}
			continue
		}
		select {
		case <-l.post.bell:
		case <-ctx.Done():
		}
	}
	return nil
}

// choose collects the feeds to ask for and tells how long the broker may wait:
// until the first of them is owed an empty response, in whole milliseconds.
func (l *leader) choose(now time.Time) (wait time.Duration, some bool) {
	r := &l.fetch
	r.feeds = r.feeds[:0]
	share := l.fetcher.share()
	wait = l.fetcher.options.MaxWait
	owed := now.Add(wait)
	l.turn++
	for i := range l.feeds {
		d := l.feeds[(l.turn+i)%len(l.feeds)]
		if !d.ready() {
			wait = min(wait, shortWait)
			continue
		}
		d.asked = max(share, d.least)
		r.feeds = append(r.feeds, d)
		if at := d.answered.Add(l.fetcher.options.MaxWait); at.Before(owed) {
			owed = at
		}
	}
	wait = min(wait, owed.Sub(now)) + time.Millisecond - 1
	return max(wait.Truncate(time.Millisecond), time.Millisecond), len(r.feeds) > 0
}

// round does one fetch and parts with the feeds that cannot go on here.
func (l *leader) round(c *conn, wait time.Duration) error {
	l.fetch.append(wait)
	if err := c.SetDeadline(time.Now().Add(wait + patience)); err != nil {
		return err
	}
	if _, err := c.Write(l.fetch.request); err != nil {
		return err
	}
	if err := l.fetch.read(c); err != nil {
		return err
	}
	for _, d := range l.fetch.feeds {
		if d.trouble == kafkago.OffsetOutOfRange {
			if err := d.askRange(c); err != nil {
				return err
			}
		}
	}
	l.part()
	return nil
}

// part ends the feeds with a final error and sends other troubled ones off.
func (l *leader) part() {
	kept := l.feeds[:0]
	for _, d := range l.feeds {
		if d.trouble == nil {
			kept = append(kept, d)
		} else if _, final := errors.AsType[*kafka.Error](d.trouble); final {
			d.end(d.trouble)
		} else {
			l.lose(d)
		}
	}
	clear(l.feeds[len(kept):])
	l.feeds = kept
}

// askRange asks the leader for the log's range. The error is the connection's;
// if the leader refuses, the range stays unknown.
func (d *Feed) askRange(c *conn) error {
	var err error
	d.last = -1
	if d.first, err = d.askOffset(c, kafkago.FirstOffset); err == nil {
		d.last, err = d.askOffset(c, kafkago.LastOffset)
	}
	if _, refused := errors.AsType[kafkago.Error](err); refused {
		return nil
	}
	return err
}

func (d *Feed) askOffset(c *conn, at int64) (int64, error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return -1, err
	}
	answer, err := c.RoundTrip(&listoffsets.Request{ReplicaID: -1, Topics: []listoffsets.RequestTopic{{
		Topic:      d.place.Topic,
		Partitions: []listoffsets.RequestPartition{{Partition: d.place.Partition, CurrentLeaderEpoch: -1, Timestamp: at}},
	}}})
	if err != nil {
		return -1, err
	}
	r := answer.(*listoffsets.Response)
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		return -1, kafkago.UnknownTopicOrPartition
	}
	p := r.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return -1, kafkago.Error(p.ErrorCode)
	}
	return p.Offset, nil
}
