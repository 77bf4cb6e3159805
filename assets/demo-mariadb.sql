-- A shop with a few hundred thousand rows, for trying things out on MariaDB. Everything is made up here; nothing is read from anywhere.
SET NAMES utf8mb4;
SET time_zone = '+00:00';

CREATE TABLE customers (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(80) NOT NULL,
  mail varchar(80) NOT NULL UNIQUE,
  since datetime NOT NULL,
  language enum('de', 'en', 'fr', 'ja') NOT NULL DEFAULT 'en',
  FULLTEXT KEY by_name (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE products (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sku char(8) CHARACTER SET ascii NOT NULL UNIQUE,
  title varchar(120) NOT NULL,
  price decimal(10, 2) NOT NULL CHECK (price >= 0),
  attributes json NOT NULL,
  tags set('new', 'sale', 'fragile', 'heavy') NOT NULL DEFAULT '',
  gross decimal(12, 4) AS (price * 1.19) STORED
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE orders (
  id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
  customer_id int NOT NULL,
  placed datetime(3) NOT NULL,
  state enum('new', 'paid', 'shipped', 'returned') NOT NULL,
  note text,
  KEY by_customer (customer_id, placed),
  KEY by_time (placed DESC),
  CONSTRAINT of_customer FOREIGN KEY (customer_id) REFERENCES customers (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE order_lines (
  order_id bigint NOT NULL,
  line smallint NOT NULL,
  product_id int NOT NULL,
  quantity int NOT NULL,
  amount decimal(12, 2) NOT NULL,
  PRIMARY KEY (order_id, line),
  KEY by_product (product_id),
  CONSTRAINT of_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE,
  CONSTRAINT of_product FOREIGN KEY (product_id) REFERENCES products (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE audit (
  at datetime(6) NOT NULL DEFAULT current_timestamp(6),
  what varchar(200) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO customers (name, mail, since, language)
  SELECT concat(elt(1 + seq % 8, 'Ada', 'Grace', 'Zoë', 'Jürgen', '花子', 'Noor', 'Olga', 'Tom'), ' ', hex(seq * 7919)), concat('c', seq, '@example.org'),
         '2020-01-01' + INTERVAL seq HOUR, elt(1 + seq % 4, 'de', 'en', 'fr', 'ja')
    FROM seq_1_to_20000;
INSERT INTO products (sku, title, price, attributes, tags)
  SELECT lpad(seq, 8, '0'), concat(elt(1 + seq % 6, 'bright', 'calm', 'deep', 'quiet', 'soft', 'warm'), ' ', elt(1 + seq % 5, 'wood', 'steel', 'glass', 'wool', 'oak'), ' ', seq),
         (seq * 37 % 9973) / 10, json_object('weight', seq % 400, 'colour', elt(1 + seq % 3, 'red', 'blue', 'green')), seq % 16
    FROM seq_1_to_2000;
INSERT INTO orders (customer_id, placed, state, note)
  SELECT 1 + seq * 7919 % 20000, '2024-01-01' + INTERVAL seq * 150 SECOND, elt(1 + seq % 4, 'new', 'paid', 'shipped', 'returned'),
         if(seq % 5 = 0, concat('leave it with the neighbour, ', sha1(seq)), NULL)
    FROM seq_1_to_150000;
INSERT INTO order_lines
  SELECT 1 + seq DIV 3, 1 + seq % 3, 1 + seq * 31 % 2000, 1 + seq % 5, (1 + seq % 5) * (seq * 37 % 9973) / 10
    FROM seq_0_to_449999;

CREATE VIEW revenue_by_month AS
  SELECT date_format(o.placed, '%Y-%m') AS month, count(DISTINCT o.id) AS orders, sum(l.amount) AS revenue
    FROM orders o JOIN order_lines l ON l.order_id = o.id GROUP BY month;

DELIMITER ;;
CREATE TRIGGER price_changes AFTER UPDATE ON products FOR EACH ROW
  INSERT INTO audit (what) VALUES (concat('price of ', NEW.sku, ' is ', NEW.price));;
CREATE PROCEDURE return_order(IN wanted bigint)
  UPDATE orders SET state = 'returned' WHERE id = wanted;;
DELIMITER ;
