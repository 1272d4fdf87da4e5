public import Autograd
import Layers
import Tensors

extension LlavaForConditionalGeneration {
    /// What a model said.
    public struct Answer: Hashable, Sendable {
        /// The ids after the prompt, without the one that ended it.
        public let ids: [Int]
        /// Whether the model ended it, rather than the limit.
        public let isComplete: Bool
    }

    /// As the other, without word of its progress.
    public func generate(
        _ prompt: [Int], _ pixels: Variable?, maximumTokens: Int, endIDs: Set<Int>? = nil
    ) -> Answer {
        generate(prompt, pixels, maximumTokens: maximumTokens, endIDs: endIDs, progress: { _ in })
    }

    /// The most likely next token, again and again, until an end id or `maximumTokens`.
    ///
    /// Greedy, as transformers' `generate` with `do_sample=False`; of equal scores the lowest id. Keys and values are
    /// kept, so that each token costs one position. Nothing is recorded.
    ///
    /// - Parameters:
    ///   - prompt: ids as for the model, one row.
    ///   - pixels: the prompt's images, `[n, size, size, 3]`.
    ///   - maximumTokens: the limit.
    ///   - endIDs: what ends the answer; nil for those that config.json names.
    ///   - progress: called after each token with their number; what it throws ends the generation.
    public func generate(
        _ prompt: [Int], _ pixels: Variable?, maximumTokens: Int, endIDs: Set<Int>? = nil,
        progress: (Int) throws -> Void
    ) rethrows -> Answer {
        let ends = endIDs ?? Set(configuration.text.endIDs)
        return try withoutRecording {
            let cache = KeyValueCache()
            var ids: [Int] = []
            var states = decoder(embeddings([prompt], pixels), cache: cache)
            while ids.count < maximumTokens {
                let id = mostLikely(states)
                if ends.contains(id) { return Answer(ids: ids, isComplete: true) }
                ids.append(id)
                try progress(ids.count)
                guard ids.count < maximumTokens else { break }
                let next = decoder.embedding([id]).reshaped([1, 1, configuration.text.hiddenSize])
                states = decoder(next, cache: cache)
            }
            return Answer(ids: ids, isComplete: false)
        }
    }

    /// The id of the highest score after the last of states `[1, L, hidden_size]`.
    private func mostLikely(_ states: Variable) -> Int {
        let (length, width) = (states.shape[1], states.shape[2])
        let last = states.reshaped([length, width]).gatheredRows([length - 1])
        return decoder.logits(last).value.read { scores in
            scores.indices.dropFirst().reduce(0) { scores[$1] > scores[$0] ? $1 : $0 }
        }
    }
}
