"""Columns of the tables that the engine's compiled loops read: words of 64 bits.

A table is one argument of a loop, where a record of arrays would be dozens. Names that end in
``_AT`` are addresses of arrays, which the owner of the table keeps alive; 0 where there is none.
"""

(  # of a source; source 0 is the input, source p + 1 population p in feed-forward order
    WIDTH,  # neurons
    SIZE,  # places
    CHUNK,  # places that are brought through time together
    LEAD,  # words of the sums before place 0
    SUMS,  # words of the sums in all
    WHERE_AT,  # place of each neuron; none where they stand straight
    NEURON_AT,  # neuron of each place; none where they stand straight
    MODEL,
    PLAIN,  # CUBA neurons that one matrix of one plane leads to, without resets
    PORTS,
    SHIFT,  # left, of all that arrives
    STATE,  # first word of the state
    SLOTS,  # words of state that a neuron has
    U_SLOT,  # the one that is recorded as u
    V_SLOT,
    PARAMETERS_AT,
    LIMITS_AT,  # bias of CUBA neurons: of each, or 64 that serve all
    _,  # and their threshold
    OWN,  # whether each has its own, as a mask of bits: bias, threshold
    _,
    REST_AT,  # state before the first step; none where all is 0
    OPTION,  # the first of three
    _,
    _,
    WORDS,  # of 64 spikes
    FIRST_WIRE,  # of those that lead here
    LAST_WIRE,
    FAN_OUT_AT,  # synapses of each neuron; none where there are none
    START,  # first step that the neurons take
    RESET_EVERY,  # steps, 0 for never
    RESET_AT,  # remainder of the step, counted from 1, before which there is a reset
    HISTORY,  # steps before the present one of which the spikes are needed
    # of one run
    COUNT,  # events
    LIST_ROWS_AT,  # where those of every step begin
    LIST_AT,
    LIST_VALUES_AT,
    SPIKES_AT,  # bits, by sample and step
    VALUES_AT,  # what was sent, a word for every neuron; none where spikes are not graded
    TAME,  # no current has left its word
    U_AT,  # where to record
    V_AT,
    ADVANCE_AT,  # the loop that brings some places through a step
) = range(42)
SOURCE_COLUMNS = ADVANCE_AT + 1

(  # of a wire
    SOURCE,
    KIND,  # one of those below
    PORT,
    EXPONENT,
    PEAK,  # largest magnitude of a weight
    FAN_IN,
    ROWS,  # source neurons
    PLANES,
    LOW,  # of each of two planes
    _,
    DOUBLE,  # of each of two planes
    _,
    MESSAGES,  # whether the size of what arrives matters
    LATE,  # number of distinct delays
    LATE_AT,  # the delays, ascending
    LATE_OF_AT,  # the delay of each source neuron, 32 bits
    LATE_WORDS_AT,  # for each delay the source neurons that have it, as bits
    MODE,  # where the events are: one of the last line
    # of one run
    ROWS_AT,  # of those that come late
    EVENTS_AT,
    EVENT_VALUES_AT,
    BEFORE_ROWS_AT,  # of the step before this run
    BEFORE_AT,
    BEFORE_VALUES_AT,
    N_RECENT,  # what arrives in the present step of a loop
    NOW_AT,  # the events of the present step are in this array
    NOW_VALUES_AT,
    SUMS_AT,  # sums of weights for the steps of this call; none where events are added up
    AT_ONCE,  # spikes whose sums fit 16 bits
    CHANNELS,  # of the image that a kernel reads
    PIXELS,
    ADD_AT,  # the loop that adds what arrives
    ADD_SIZED_AT,  # and the one for messages with a size
    TABLES,  # the first of eight addresses or numbers, what else the kind needs
) = range(34)
WIRE_COLUMNS = TABLES + 8

(  # of a run
    N_SAMPLES,
    N_STEPS,
    FRESH,  # from rest
    STATE_AT,
    STATE_STRIDE,  # words from one sample to the next; 0 where one is used for all
    DRIVE_AT,  # what arrives in a step
    TOTAL_AT,  # part of it, summed apart
    BITS_AT,  # spikes by place
    SENT_AT,  # what is sent, by place
    HALVES_AT,  # sums of 16 bits of a chunk of lists
    STEPS_BEFORE,  # since the samples were at rest
    FIRST_STEP,  # of the recording
    ALL_SAMPLES,
    FIRST_SAMPLE,
    SAMPLE_FROM,  # samples and steps of this call; loops take all of them
    SAMPLE_TO,
    STEP_FROM,
    STEP_TO,
    STOP_AT,  # a byte: stop early
    SETTLE_AT,  # loops that are called from others
    WAIT_AT,
    RECORD_AT,
    LISTEN_AT,
    COUNT_AT,
    MANY_AT,
) = range(25)
RUN_COLUMNS = MANY_AT + 1

MATRIX, LISTED, LISTED_WORDS, KERNEL, KERNEL_ELSEWHERE, IN_ORDER = range(6)  # kinds of wires
# where the events of a wire are: with the source, known step by step only, listed by arrival
FROM_LIST, FROM_LOOP, FROM_LATE = range(3)
