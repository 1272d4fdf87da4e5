/// The one pool of threads of the process. Kernels cut their work into chunks whose number depends on the sizes alone,
/// never on the width, so results are equal bit by bit for any width.
public final class ThreadPool: Sendable {
    /// The pool.
    public static let shared = ThreadPool()

    /// Runs `body` for every chunk in `0 ..< chunks`, on this thread and the pool's; returns when all are done.
    ///
    /// A region inside another, or one begun while another thread has the pool, runs on the calling thread alone.
    /// `body` must be safe to run at once for different chunks; the compiler does not check that.
    public func parallel(_ chunks: Int, _ body: (Int) -> Void) { for chunk in 0..<chunks { body(chunk) } }

    /// Sets how many threads take part in a region, the calling one included; at least 1.
    public static func setWidth(_ width: Int) {}

    /// How many threads take part in a region.
    public static var width: Int { 1 }
}
