package org.apache.kafka.clients.consumer.internals; // CompletedFetch can be seen from here alone

import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.MessageDigest;
import java.util.*;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.*;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.internals.*;

/**
 * Golden writes record batches with the classes of Kafka's own client, and what its consumer reads
 * out of them, the filter of aborted transactions included.
 *
 *   Golden write DIR       every DIR/*.txt
 *   Golden read FILE...    checks that the consumer reads from the files' bytes what they say
 *
 * A file has lines: "bytes HEX" is the log; "read FROM ISOLATION START" begins one reading by a
 * consumer at offset FROM whose response starts at byte START, followed by its "aborted PRODUCER
 * FIRST", "record OFFSET TIMESTAMP KEY VALUE HEADER=VALUE..." and "position NEXT" lines.
 */
public class Golden {
  static final TopicPartition TP = new TopicPartition("t", 0);
  static final long T0 = 1772236833170L;

  static byte[] b(String s) { return s == null ? null : s.getBytes(StandardCharsets.UTF_8); }
  static Header h(String k, String v) { return new RecordHeader(k, b(v)); }
  static SimpleRecord rec(long ts, String k, String v, Header... hs) { return new SimpleRecord(ts, b(k), b(v), hs); }

  static MemoryRecordsBuilder builder(Compression c, TimestampType t, long base, long pid, int epoch, int seq, boolean txn) {
    return new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 20), (byte) 2, c, t, base, T0 + 99, pid, (short) epoch, seq, txn, false, txn ? 3 : -1, 1 << 20);
  }
  static ByteBuffer build(MemoryRecordsBuilder m) { return m.build().buffer(); }

  static MemoryRecordsBuilder small(long base, long pid, int epoch, int seq) {
    MemoryRecordsBuilder m = builder(Compression.NONE, TimestampType.CREATE_TIME, base, pid, epoch, seq, false);
    m.append(rec(T0, null, "no key"));
    m.append(rec(T0 - 70, "no-value", null));
    m.append(rec(T0 + 5, "", ""));
    m.append(rec(T0 + 70000, "k", "{\"load\":1.5}", h("tare-source", "in/3/4711"), h("empty", ""), h("null", null), h("tare-source", "again")));
    m.append(rec(T0 + 1, "k".repeat(63), "v".repeat(64)));
    return m;
  }

  static ByteBuffer many(Compression c) {
    MemoryRecordsBuilder m = builder(c, TimestampType.CREATE_TIME, 1000, -1, -1, -1, false);
    for (int i = 0; i < 300; i++)
      m.append(rec(T0 + i % 7 * 1000 - i % 3, i % 5 == 0 ? null : "k" + i, i % 11 == 0 ? null : "v" + i + "-" + "abcdefgh".repeat(i % 97), h("h1", "x")));
    return build(m);
  }

  /** A log of interleaved transactions and its markers, for the filter. */
  static class Log {
    final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    final List<long[]> batches = new ArrayList<>(); // first offset, last offset, byte
    final List<long[]> aborted = new ArrayList<>(); // producer, first offset, marker's offset
    long next = 500;

    void add(ByteBuffer b, int n) throws IOException {
      batches.add(new long[] {next, next + n - 1, bytes.size()});
      bytes.write(b.array(), b.arrayOffset() + b.position(), b.remaining());
      next += n;
    }
    void data(Random r, long pid, int seq, boolean txn, String v) throws IOException {
      int n = 1 + r.nextInt(3);
      Compression c = r.nextInt(4) == 0 ? Compression.lz4().build() : Compression.NONE;
      MemoryRecordsBuilder m = builder(c, TimestampType.CREATE_TIME, next, pid, 1, pid < 0 ? -1 : seq, txn);
      for (int i = 0; i < n; i++) m.append(rec(T0 + next, "p" + pid, v + i));
      add(build(m), n);
    }
    void end(long pid, long first, boolean commit) throws IOException {
      if (!commit && first >= 0) aborted.add(new long[] {pid, first, next});
      EndTransactionMarker e = new EndTransactionMarker(commit ? ControlRecordType.COMMIT : ControlRecordType.ABORT, 17);
      add(MemoryRecords.withEndTransactionMarker(next, T0 + next, 3, pid, (short) 1, e).buffer(), 1);
    }
    void leaderChange() throws IOException {
      LeaderChangeMessage m = new LeaderChangeMessage().setVersion((short) 0).setLeaderId(1);
      add(MemoryRecords.withLeaderChangeMessage(next, T0 + next, 3, ByteBuffer.allocate(512), m).buffer(), 1);
    }
  }

  static Log transactions() throws IOException {
    Random r = new Random(5);
    Log log = new Log();
    long[] first = {-1, -1, -1};
    boolean[] open = new boolean[3];
    int[] seq = new int[3];
    log.leaderChange();
    for (int i = 0; i < 140; i++) {
      int p = r.nextInt(4);
      if (p == 3) { log.data(r, r.nextBoolean() ? -1 : 100, i, false, "plain-" + i + "-"); continue; }
      if (!open[p]) { open[p] = true; first[p] = -1; }
      if (r.nextInt(3) > 0) {
        if (first[p] < 0) first[p] = log.next;
        log.data(r, p, seq[p]++, true, "txn-" + i + "-");
      } else { log.end(p, first[p], r.nextBoolean()); open[p] = false; }
    }
    for (int p = 0; p < 3; p++) if (open[p]) log.end(p, first[p], p != 1);
    return log;
  }

  static ByteBuffer compacted() throws IOException {
    Log log = new Log();
    for (int i = 0; i < 8; i++) {
      MemoryRecordsBuilder m = builder(i % 2 == 0 ? Compression.NONE : Compression.zstd().build(), TimestampType.CREATE_TIME, log.next, 40 + i, 1, 0, i == 6);
      for (int k = 0; k < 10; k++) m.append(rec(T0 + k, "k" + k, "v" + i + "-" + k));
      log.add(build(m), 10);
    }
    ByteBuffer in = ByteBuffer.wrap(log.bytes.toByteArray()), out = ByteBuffer.allocate(1 << 16);
    MemoryRecords.RecordFilter f = new MemoryRecords.RecordFilter(T0, 1000) {
      @Override protected BatchRetentionResult checkBatchRetention(RecordBatch b) {
        return new BatchRetentionResult(b.baseOffset() == 510 ? BatchRetention.DELETE : BatchRetention.RETAIN_EMPTY, false);
      }
      @Override protected boolean shouldRetainRecord(RecordBatch b, org.apache.kafka.common.record.internal.Record r) {
        int i = (int) (b.baseOffset() - 500) / 10, k = (int) (r.offset() % 10);
        return i == 3 || i == 6 ? false : i == 7 ? k == 4 : k % 3 == i % 3;
      }
    };
    MemoryRecords.readableRecords(in).filterTo(f, out, BufferSupplier.NO_CACHING, 8 << 20);
    out.flip();
    return out;
  }

  // ---- what the consumer reads

  static List<String> read(ByteBuffer data, long from, IsolationLevel iso, List<FetchResponseData.AbortedTransaction> aborted) {
    FetchResponseData.PartitionData pd = new FetchResponseData.PartitionData().setRecords(MemoryRecords.readableRecords(data)).setAbortedTransactions(aborted);
    FetchMetricsAggregator agg = new FetchMetricsAggregator(new FetchMetricsManager(new Metrics(), new FetchMetricsRegistry("c")), Set.of(TP));
    CompletedFetch cf = new CompletedFetch(org.slf4j.LoggerFactory.getLogger("x"), new SubscriptionState(new LogContext(), AutoOffsetResetStrategy.NONE), BufferSupplier.NO_CACHING, TP, pd, agg, from);
    FetchConfig config = new FetchConfig(1, 1 << 20, 1, 1 << 20, 1000, true, "", iso);
    Deserializers<byte[], byte[]> de = new Deserializers<>(new ByteArrayDeserializer(), new ByteArrayDeserializer(), new Metrics());
    List<String> out = new ArrayList<>();
    for (List<ConsumerRecord<byte[], byte[]>> rs; !(rs = cf.<byte[], byte[]>fetchRecords(config, de, 1000)).isEmpty(); )
      for (ConsumerRecord<byte[], byte[]> r : rs) {
        StringBuilder s = new StringBuilder("record " + r.offset() + " " + r.timestamp() + " " + text(r.key()) + " " + text(r.value()));
        for (Header h : r.headers()) s.append(" ").append(h.key()).append("=").append(text(h.value()));
        out.add(s.toString());
      }
    out.add("position " + cf.nextFetchOffset());
    return out;
  }

  /** Quoted; null for null; long values by length and the start of their SHA-256. */
  static String text(byte[] v) {
    if (v == null) return "null";
    if (v.length <= 40) return "'" + new String(v, StandardCharsets.UTF_8).replace(' ', '_') + "'";
    try {
      return v.length + ":" + HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(v)).substring(0, 8);
    } catch (java.security.NoSuchAlgorithmException e) { throw new RuntimeException(e); }
  }

  static class File {
    final StringBuilder s = new StringBuilder();
    final byte[] log;
    File(byte[] log) {
      this.log = log;
      String hex = HexFormat.of().formatHex(log);
      for (int i = 0; i < hex.length(); i += 128) s.append("bytes ").append(hex, i, Math.min(hex.length(), i + 128)).append("\n");
    }
    File(ByteBuffer b) { this(array(b)); }
    static byte[] array(ByteBuffer b) { byte[] a = new byte[b.remaining()]; b.duplicate().get(a); return a; }

    File reading(long from, IsolationLevel iso, int start, List<long[]> aborted) {
      s.append("read " + from + " " + iso.toString().toLowerCase() + " " + start + "\n");
      List<FetchResponseData.AbortedTransaction> list = new ArrayList<>();
      for (long[] a : aborted) {
        s.append("aborted " + a[0] + " " + a[1] + "\n");
        list.add(new FetchResponseData.AbortedTransaction().setProducerId(a[0]).setFirstOffset(a[1]));
      }
      for (String l : read(ByteBuffer.wrap(log, start, log.length - start).slice(), from, iso, list)) s.append(l).append("\n");
      return this;
    }
    File all(long from) { return reading(from, IsolationLevel.READ_UNCOMMITTED, 0, List.of()); }
    void save(String dir, String name) throws IOException { Files.writeString(Path.of(dir, name + ".txt"), s.toString()); }
  }

  static void write(String dir) throws Exception {
    new File(build(small(0, -1, -1, -1))).all(0).save(dir, "plain");
    new File(build(small(0, 4711, 7, 42))).all(0).save(dir, "idempotent");
    new File(build(small(123456789012L, -1, -1, -1))).all(123456789013L).save(dir, "offset");
    for (String c : List.of("gzip", "snappy", "lz4", "zstd")) new File(many(Compression.of(c).build())).all(1000).save(dir, c);
    MemoryRecordsBuilder m = builder(Compression.NONE, TimestampType.LOG_APPEND_TIME, 7, -1, -1, -1, false);
    for (int i = 0; i < 3; i++) m.append(rec(5, "k", "v" + i));
    new File(build(m)).all(7).save(dir, "logappendtime");
    m = builder(Compression.NONE, TimestampType.CREATE_TIME, 20, -1, -1, -1, false);
    for (long o : new long[] {20, 23, 24, 90}) m.appendWithOffset(o, rec(T0, "k", "at" + o));
    m.overrideLastOffset(200);
    new File(build(m)).all(24).save(dir, "gaps");
    new File(compacted()).all(0).all(531).save(dir, "compacted");

    Log log = transactions();
    File f = new File(log.bytes.toByteArray());
    for (long from = 500; from < log.next; from += from == 500 ? 13 : 41)
      for (IsolationLevel iso : IsolationLevel.values()) {
        int start = 0;
        for (long[] b : log.batches) if (b[0] <= from) start = (int) b[2];
        List<long[]> aborted = new ArrayList<>();
        if (iso == IsolationLevel.READ_COMMITTED) for (long[] a : log.aborted) if (a[2] >= from) aborted.add(a);
        f.reading(from, iso, start, aborted);
      }
    f.save(dir, "transactions");
  }

  static void check(String name) throws Exception {
    StringBuilder hex = new StringBuilder();
    List<String> want = new ArrayList<>();
    long from = 0;
    for (String l : Files.readAllLines(Path.of(name)))
      if (l.startsWith("bytes ")) hex.append(l.substring(6));
      else if (l.startsWith("read ")) from = Long.parseLong(l.split(" ")[1]);
      else want.add(l);
    List<String> got = read(ByteBuffer.wrap(HexFormat.of().parseHex(hex)), from, IsolationLevel.READ_UNCOMMITTED, List.of());
    if (!got.equals(want)) throw new Exception(name + ": the consumer reads something else:\n" + String.join("\n", got));
    System.out.println(name + ": " + (got.size() - 1) + " records as said");
  }

  public static void main(String[] a) throws Exception {
    if (a[0].equals("write")) write(a[1]);
    else for (int i = 1; i < a.length; i++) check(a[i]);
  }
}
