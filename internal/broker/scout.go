package broker

import (
	"context"
	"errors"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// A scout finds the leaders of feeds that have none, on fresh metadata, and ends
// those that cannot go on. It starts the leaders' goroutines.
type scout struct {
	fetcher *Fetcher
	waiting []*Feed
	leaders map[string]*leader // by address; some have left
	running sync.WaitGroup     // leaders
}

// run works until ctx ends, waits for the leaders and ends all feeds.
func (s *scout) run(ctx context.Context) {
	s.leaders = map[string]*leader{}
	for ctx.Err() == nil {
		s.waiting = keep(s.fetcher.lost.take(s.waiting))
		s.pass(ctx, time.Now())
		s.rest(ctx)
	}
	s.running.Wait()
	for _, d := range append(s.waiting, s.fetcher.lost.close()...) {
		d.end(nil)
	}
}

// rest waits for a feed to come, or for the first one to be due.
func (s *scout) rest(ctx context.Context) {
	var due <-chan time.Time
	if len(s.waiting) > 0 {
		first := s.waiting[0].due
		for _, d := range s.waiting {
			if d.due.Before(first) {
				first = d.due
			}
		}
		t := time.NewTimer(time.Until(first))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-s.fetcher.lost.bell:
	case <-due:
	case <-ctx.Done():
	}
}

// An answer is what the cluster said of a topic.
type answer struct {
	topic *Topic
	err   error
}

// pass makes an attempt for each feed that is due; each topic is asked for once.
func (s *scout) pass(ctx context.Context, now time.Time) {
	answers := map[string]answer{}
	feeds := s.waiting
	s.waiting = nil
	for _, d := range feeds {
		switch {
		case d.due.After(now):
			s.waiting = append(s.waiting, d)
		case d.trouble == nil:
			s.place(ctx, d) // it is new, and so is its topic
		default:
			a, ok := answers[d.place.Topic]
			if !ok {
				a.topic, a.err = s.fetcher.client.lookup(ctx, d.place.Topic, d.topic.Addrs)
				answers[d.place.Topic] = a
			}
			s.judge(ctx, d, a)
		}
	}
}

// judge ends d or finds it a place, by what the cluster says of its topic.
func (s *scout) judge(ctx context.Context, d *Feed, a answer) {
	_, missing := errors.AsType[*MissingTopicError](a.err)
	switch {
	case missing:
		d.end(a.err)
	case a.err != nil:
		s.postpone(d, a.err)
	case a.topic.ID != d.topic.ID:
		d.end(&ReplacedError{d.place.Topic, d.topic.ID, a.topic.ID})
	case d.trouble == kafkago.OffsetOutOfRange && d.last >= 0 && (d.position < d.first || d.position > d.last):
		d.end(&RangeError{d.place, d.position, d.first, d.last})
	default:
		d.topic = a.topic
		s.place(ctx, d)
	}
}

// place hands d to its leader, with a new connection if there is none.
func (s *scout) place(ctx context.Context, d *Feed) {
	address := d.topic.leader(d.place.Partition)
	if address == "" {
		d.trouble = kafkago.LeaderNotAvailable
		s.postpone(d, d.trouble)
		return
	}
	if d.trouble != nil && d.trouble != errDisconnected {
		s.fetcher.client.notify("fetch "+d.place.String(), d.trouble)
	}
	d.trouble = nil
	if l := s.leaders[address]; l != nil && l.post.hand(d) {
		return
	}
	l := newLeader(s.fetcher, address)
	l.post.hand(d)
	s.leaders[address] = l
	s.running.Go(func() { l.run(ctx) })
}

// postpone lets d wait for the next attempt.
func (s *scout) postpone(d *Feed, why error) {
	s.fetcher.client.notify("find the leader of "+d.place.String(), why)
	d.due = time.Now().Add(d.pause.next())
	s.waiting = append(s.waiting, d)
}
